//! The hosts that this proxy serves: every name that a client may use, and the canonical host it stands for.

use std::collections::HashMap;

use warrant::Host;

/// Canonical hosts by every name that a client may use.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServedHosts(HashMap<Box<[u8]>, Host>);

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadName {
    /// It could never be the authority of a request in lower case.
    NotAnAuthority,
    /// It already stands for another host, so it would be unclear which host is meant.
    Taken,
}

impl ServedHosts {
    /// Lets `name` stand for `host`.
    ///
    /// # Errors
    /// When it cannot be a name or already stands for another host.
    pub(crate) fn insert(&mut self, name: &str, host: &Host) -> Result<(), BadName> {
        let is_authority = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".:-".contains(&b);
        if name.is_empty() || !name.bytes().all(is_authority) {
            return Err(BadName::NotAnAuthority);
        }
        let standing = self.0.entry(name.as_bytes().into()).or_insert_with(|| host.clone());
        if standing == host { Ok(()) } else { Err(BadName::Taken) }
    }

    /// The canonical host for the authority of a request. The authority is changed to lower case and looked up as a
    /// whole, including its port.
    pub(crate) fn canonical(&self, authority: &[u8]) -> Option<&Host> {
        self.0.get(authority.to_ascii_lowercase().as_slice())
    }

    /// Whether there is no host.
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
    fn names_are_changed_to_lower_case_and_looked_up_as_a_whole() {
        let mut hosts = ServedHosts::default();
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
        let mut hosts = ServedHosts::default();
        hosts.insert("a", &host("a")).unwrap();
        hosts.insert("a", &host("a")).unwrap();
        assert_eq!(hosts.insert("a", &host("b")), Err(BadName::Taken));
        for bad in ["", "A", "a b", "a/", "ä"] {
            assert_eq!(hosts.insert(bad, &host("a")), Err(BadName::NotAnAuthority), "{bad}");
        }
    }
}
