//! The hosts that this proxy serves: what a client may call them, and what they are called here.

use std::collections::HashMap;

use warrant::Host;

/// Canonical hosts by every name that a client may use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(HashMap<Box<[u8]>, Host>);

/// Why a name was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadName {
    /// It could never be a request's authority, lowered.
    NoAuthority,
    /// Another host has it already: which of the two is meant could not be told.
    Taken,
}

impl Hosts {
    /// Lets `name` stand for `host`.
    ///
    /// # Errors
    /// When it is no name or already stands for another.
    pub(crate) fn insert(&mut self, name: &str, host: &Host) -> Result<(), BadName> {
        let is_authority = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".:-".contains(&b);
        if name.is_empty() || !name.bytes().all(is_authority) {
            return Err(BadName::NoAuthority);
        }
        let standing = self.0.entry(name.as_bytes().into()).or_insert_with(|| host.clone());
        if standing == host { Ok(()) } else { Err(BadName::Taken) }
    }

    /// The canonical name of the host that a request calls `authority`: lowered, then looked up whole, port included.
    pub(crate) fn canonical(&self, authority: &[u8]) -> Option<&Host> {
        self.0.get(authority.to_ascii_lowercase().as_slice())
    }

    /// Whether it serves nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    #[test]
    fn names_are_lowered_and_looked_up_whole() {
        let mut hosts = Hosts::default();
        hosts.insert("api.example:8443", &host("api.example")).unwrap();
        assert_eq!(hosts.canonical(b"API.Example:8443"), Some(&host("api.example")));
        for other in [
            &b"api.example"[..],
            b"api.example:844",
            b"api.example:8443.",
            b"",
            b"api.example:8443 ",
            b"\xff",
        ] {
            assert_eq!(hosts.canonical(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn a_name_stands_for_one_host() {
        let mut hosts = Hosts::default();
        hosts.insert("a", &host("a")).unwrap();
        hosts.insert("a", &host("a")).unwrap();
        assert_eq!(hosts.insert("a", &host("b")), Err(BadName::Taken));
        for bad in ["", "A", "a b", "a/", "ä"] {
            assert_eq!(hosts.insert(bad, &host("a")), Err(BadName::NoAuthority), "{bad}");
        }
    }
}
