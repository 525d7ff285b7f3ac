//! The formats of strings in a warrant, one predicate each. Escapes are already undone.

use crate::limits::{
    MAX_ARGUMENT_NAME_BYTES, MAX_HOST_BYTES, MAX_JTI_BYTES, MAX_KID_BYTES, MAX_STRING_BYTES,
};

/// A plain string: 1 to 256 bytes of printable ASCII without `"` and `\`. It cannot break out of quotes in a log, a
/// document or a policy.
pub fn is_plain(text: &str) -> bool {
    has_length(text, MAX_STRING_BYTES)
        && text.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\')
}

/// A `jti` or `txn`. It cannot contain `/`, which joins them to paths.
pub fn is_jti(text: &str) -> bool {
    has_length(text, MAX_JTI_BYTES)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// The `kid` of a root's header.
pub fn is_kid(text: &str) -> bool {
    has_length(text, MAX_KID_BYTES)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// A value of `attr`: text in any language without control characters.
pub fn is_attribution(text: &str) -> bool {
    !text.is_empty() && is_argument_text(text)
}

/// A string that is the value of an argument. It may be empty.
pub fn is_argument_text(text: &str) -> bool {
    text.len() <= MAX_STRING_BYTES && !text.chars().any(char::is_control)
}

/// The name of an argument.
pub fn is_argument_name(text: &str) -> bool {
    has_length(text, MAX_ARGUMENT_NAME_BYTES)
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A method that a warrant can name: upper-case letters.
pub fn is_method(text: &str) -> bool {
    has_length(text, MAX_STRING_BYTES) && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// A canonical host: `label(.label)*(:port)?` in lower case.
pub fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    has_length(text, MAX_HOST_BYTES) && name.split('.').all(is_label) && port.is_none_or(is_port)
}

/// The longest SPIFFE ID and the longest trust domain, in bytes (SPIFFE-ID, 2.3).
const LONGEST_ID: usize = 2048;
const LONGEST_DOMAIN: usize = 255;

/// Whether this is the SPIFFE ID of a workload, in its only spelling: a trust domain in lower case, and a path without
/// empty or relative segments.
pub fn is_spiffe_id(text: &str) -> bool {
    let Some((domain, path)) = text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let is_plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphabetic() || is_plain(byte))
    };
    text.len() <= LONGEST_ID
        && (1..=LONGEST_DOMAIN).contains(&domain.len())
        && domain.bytes().all(|byte| byte.is_ascii_lowercase() || is_plain(byte))
        && path.split('/').all(is_segment)
}

fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    !text.is_empty()
        && text.bytes().all(|b| inner(b) || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_port(text: &str) -> bool {
    // Check for digits first: `parse` alone would also accept a sign.
    text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0') && text.parse::<u16>().is_ok()
}

fn has_length(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(has_format: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(has_format(text), "{text:?} is good");
        }
        for text in bad {
            assert!(!has_format(text), "{text:?} is bad");
        }
    }

    #[test]
    fn plain_strings() {
        check(
            is_plain,
            &["a", " ~!#", &"x".repeat(256)],
            &["", "\"", "\\", "\u{7f}", "\n", "é", &"x".repeat(257)],
        );
    }

    #[test]
    fn identifiers() {
        check(is_jti, &["a", "A_-9", &"j".repeat(64)], &["", "a/b", "a.b", "a b", "é", &"j".repeat(65)]);
        check(is_kid, &["a1", "A._-9", &"k".repeat(64)], &["", "a/b", "../k", "a b", &"k".repeat(65)]);
        check(
            is_argument_name,
            &["a", "a_9", &"a".repeat(32)],
            &["", "A", "9a", "_a", "a-b", "é", &"a".repeat(33)],
        );
    }

    #[test]
    fn texts_for_people() {
        check(
            is_attribution,
            &["é\"\\ 名", &"x".repeat(256)],
            &["", "\u{1f}", "\u{7f}", "\u{9f}", "\u{80}", &"é".repeat(129)],
        );
        check(is_argument_text, &["", "\u{a0}"], &["\0", "\u{85}", &"x".repeat(257)]);
    }

    #[test]
    fn methods_are_upper_case() {
        check(is_method, &["GET", "M"], &["", "get", "M-SEARCH", "GET ", "G3T", "ＧＥＴ"]);
    }

    #[test]
    fn hosts_are_canonical() {
        let longest = format!("{}a", "a.".repeat(126));
        check(
            is_host,
            &["a", "a-1.b", "1.2.3.4", "a:1", "a.b:65535", "xn--bcher-kva.example", &longest],
            &[
                "",
                "A",
                "a.",
                ".a",
                "a..b",
                "-a",
                "a-",
                "a:",
                "a:0",
                "a:01",
                "a:65536",
                "a:+1",
                "a:1:2",
                "[::1]",
                "a_b",
                "*.a",
                "a/b",
                "é",
                "a b",
                &format!("{longest}a"),
                &format!("{longest}:1"),
            ],
        );
    }

    #[test]
    fn a_spiffe_id_has_one_spelling() {
        let (domain, path) = ("d".repeat(255), "p".repeat(2048 - "spiffe://shop/".len()));
        for good in [
            "spiffe://shop/ns/shop/sa/payer",
            "spiffe://shop-1.example_x/A.b-C_9",
            &format!("spiffe://{domain}/a"),
            &format!("spiffe://shop/{path}"),
        ] {
            assert!(is_spiffe_id(good), "{good}");
        }
        for bad in [
            "spiffe://shop",
            "spiffe://shop/",
            "spiffe:///a",
            "spiffe://shop/a/",
            "spiffe://shop//a",
            "spiffe://shop/a/../b",
            "spiffe://shop/./a",
            "spiffe://Shop/a",
            "SPIFFE://shop/a",
            "spiffe://shop:1/a",
            "spiffe://user@shop/a",
            "spiffe://shop/a?q",
            "spiffe://shop/a#f",
            "spiffe://shop/%61",
            "spiffe://shop/a b",
            "spiffe://shop/ä",
            "https://shop/a",
            "",
            &format!("spiffe://{domain}d/a"),
            &format!("spiffe://shop/{path}p"),
        ] {
            assert!(!is_spiffe_id(bad), "{bad}");
        }
    }
}
