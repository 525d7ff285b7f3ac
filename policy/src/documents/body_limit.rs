//! Reads `body: {max: …}`: the longest body that the proxy sends with a check.
//!
//! A proxy keeps each unfinished body in its memory before anybody is asked, so the limit is low unless a route says more.

use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Form, Node, formed, members};

/// The limit of a route that names none.
pub(crate) const DEFAULT: usize = 64 * 1024;
/// The highest limit that a route may name.
const HIGHEST: usize = 1024 * 1024;

/// The limit in bytes.
pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Placed<usize>> {
    let max = members(node, &["max"], faults)?.need("max", faults)?;
    let form = Form {
        what: "a size from 1KiB to 1MiB",
        instead: "write a whole number and `KiB`, like `256KiB`, or `1MiB`",
    };
    Some(Placed { at: max.at, value: formed(max, form, faults, bytes)? })
}

/// `[1-9][0-9]{0,3}KiB` or `1MiB`, at most 1 MiB.
fn bytes(text: &str) -> Option<usize> {
    let (number, unit) = match (text.strip_suffix("KiB"), text.strip_suffix("MiB")) {
        (Some(number), _) => (number, 1024),
        (None, Some(number)) => (number, 1024 * 1024),
        (None, None) => return None,
    };
    let bytes = usize::try_from(scalars::positive_number(number, 4)?).ok()?.checked_mul(unit)?;
    (bytes <= HIGHEST).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_at_most_one_mebibyte() {
        for (text, expected) in [
            ("1KiB", Some(1024)),
            ("64KiB", Some(DEFAULT)),
            ("1024KiB", Some(HIGHEST)),
            ("1MiB", Some(HIGHEST)),
            ("1025KiB", None),
            ("2MiB", None),
            ("0KiB", None),
            ("01KiB", None),
            ("65536", None),
            ("64KB", None),
            ("64 KiB", None),
            ("+1KiB", None),
            ("KiB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
