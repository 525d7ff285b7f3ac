//! Reads single values: names, words, hosts, paths and identities.
//!
//! `warrant` reads what warrants also contain.

use warrant::formats;

use crate::fault::{FileFaults, Placed};
use crate::matching::{BrokenRule, Pattern};
use crate::strict::{Form, Node, NodeValue, formed};

/// An RFC 1123 label: the form of names in policies, and of namespaces in Kubernetes.
pub fn is_label(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A name of a route, a team or a group.
pub(crate) const LABEL: &str = "use 1 to 63 of a-z, 0-9 and `-`, no `-` at either end";

/// One of a fixed list of words.
pub(crate) fn one_of<T: Copy>(node: &Node, words: &[(&str, T)], faults: FileFaults<'_>) -> Option<T> {
    let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    let instead = match all.as_slice() {
        [only] => format!("write `{only}`"),
        all => format!("write one of {}", all.join(", ")),
    };
    let form = Form { what: "a value of this key", instead: &instead };
    formed(node, form, faults, |text| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value))
}

/// A path, read by one of the readers of [`Pattern`]. The fault says which rule it breaks.
pub(crate) fn path(
    node: &Node,
    what: &str,
    faults: FileFaults<'_>,
    read: impl Fn(&str) -> Result<Pattern, BrokenRule>,
) -> Option<Placed<Pattern>> {
    let placed = |pattern| Placed::new(node.at, pattern);
    if let NodeValue::Text(text, _) = &node.value
        && let Err(broken) = read(text)
    {
        faults.fault(node.at, format!("`{text}` is not {what}: {}", broken.why), broken.instead);
        return None;
    }
    let form = Form { what, instead: "write a path that begins with `/`" };
    formed(node, form, faults, |text| read(text).ok()).map(placed)
}

/// The form of a value that a warrant can contain: 1-256 bytes of 0x20-0x7E without `"` and `\`.
pub(crate) fn is_plain(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\')
}

/// A value that a warrant can contain.
pub(crate) fn plain(node: &Node, faults: FileFaults<'_>) -> Option<String> {
    let form = Form { what: "a text that a warrant can contain", instead: PLAIN };
    formed(node, form, faults, |text| is_plain(text).then(|| text.to_owned()))
}

pub(crate) const PLAIN: &str = "use 1 to 256 printable ASCII characters without `\"` and `\\`";

/// A host as warrants and routes write it.
pub(crate) fn host(node: &Node, faults: FileFaults<'_>) -> Option<Placed<String>> {
    formed(node, HOST, faults, |text| is_host(text).then(|| Placed::new(node.at, text.to_owned())))
}

pub(crate) const HOST: Form<'static> = Form {
    what: "a valid host",
    instead: "write lower-case labels separated by dots, with `:port` if clients send it",
};

pub(crate) fn is_host(text: &str) -> bool {
    warrant::Host::parse(text).is_some()
}

/// Only `true` is allowed.
pub(crate) fn check_true(node: &Node, faults: FileFaults<'_>) -> Option<()> {
    if let NodeValue::Bool(true) = node.value {
        return Some(());
    }
    faults.fault(node.at, format!("expected `true`, found {}", node.kind()), "write `true`, without quotes");
    None
}

/// A SPIFFE ID without wildcard that a warrant can name.
pub(crate) fn is_spiffe_id(text: &str) -> bool {
    formats::is_plain(text) && formats::is_spiffe_id(text)
}

/// A number above 0 as people write it: at most this many digits, and no leading zero.
pub(crate) fn positive_number(text: &str, most_digits: usize) -> Option<u64> {
    let is_number = (1..=most_digits).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        assert!(is_label("pay") && is_label("0-a") && is_label(&"a".repeat(63)));
        for text in ["", "-a", "a-", "A", "a.b", "a_b", &"a".repeat(64)] {
            assert!(!is_label(text), "{text}");
        }
    }

    #[test]
    fn spiffe_ids() {
        assert!(is_spiffe_id("spiffe://shop/ns/shop/sa/payer"));
        for text in [
            "spiffe://shop",
            "spiffe:///a",
            "spiffe://shop/",
            "spiffe://shop/a//b",
            "spiffe://shop/../a",
            "spiffe://shop/**",
            "spiffe://Shop/a",
            "https://shop/a",
        ] {
            assert!(!is_spiffe_id(text), "{text}");
        }
    }
}
