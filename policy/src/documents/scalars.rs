//! Reads single values: names, durations, hosts, identities and points in time.
//!
//! `warrant` reads what warrants also contain.

use crate::fault::FileFaults;
use crate::strict::{Node, string};

/// An RFC 1123 label.
pub(crate) fn is_label(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// `[1-9][0-9]{0,6}(s|m|h)`, in seconds.
pub(crate) fn duration(node: &Node, faults: FileFaults<'_>) -> Option<u64> {
    let text = string(node, faults)?;
    let read = seconds(text);
    if read.is_none() {
        faults.fault(
            node.at,
            format!("`{text}` is not a valid duration"),
            "write a whole number and `s`, `m` or `h`, like `60s`",
        );
    }
    read
}

fn seconds(text: &str) -> Option<u64> {
    let unit = match text.bytes().last()? {
        b's' => 1_u64,
        b'm' => 60,
        b'h' => 3600,
        _ => return None,
    };
    let number = text.get(..text.len().checked_sub(1)?)?;
    let is_number = (1..=7).contains(&number.len())
        && !number.starts_with('0')
        && number.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// A duration as an author would write it.
pub(crate) fn duration_text(seconds: u64) -> String {
    match seconds {
        hours if hours.is_multiple_of(3600) => format!("{}h", hours / 3600),
        minutes if minutes.is_multiple_of(60) => format!("{}m", minutes / 60),
        seconds => format!("{seconds}s"),
    }
}

/// One of a fixed list of words.
pub(crate) fn one_of<T: Copy>(node: &Node, words: &[(&str, T)], faults: FileFaults<'_>) -> Option<T> {
    let text = string(node, faults)?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        faults.fault(
            node.at,
            format!("`{text}` is not allowed here"),
            format!("write one of {}", all.join(", ")),
        );
    }
    found
}

/// The form of a value that a warrant can contain: 1-256 bytes of 0x20-0x7E without `"` and `\`.
pub(crate) fn is_plain(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\')
}

/// A host as warrants and routes write it.
pub(crate) fn is_host(text: &str) -> bool {
    warrant::Host::parse(text).is_some()
}

/// Only `true` is allowed.
pub(crate) fn check_true(node: &Node, faults: FileFaults<'_>) -> Option<()> {
    let value = crate::strict::flag(node, faults)?;
    if !value {
        faults.fault(node.at, "`false` is not allowed here", "write `true`, or leave the key out");
    }
    value.then_some(())
}

/// A SPIFFE ID without wildcard, as in a certificate.
pub(crate) fn is_spiffe_id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("spiffe://") else { return false };
    let mut segments = rest.split('/');
    let domain = segments.next().unwrap_or_default();
    let in_domain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let good = |segment: &str| {
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(in_path)
    };
    !domain.is_empty()
        && domain.bytes().all(in_domain)
        && rest.contains('/')
        && segments.all(good)
        && text.len() <= 256
}

/// A point in time, RFC 3339 with `Z` and whole seconds, as seconds since 1970.
pub(crate) fn instant(node: &Node, faults: FileFaults<'_>) -> Option<u64> {
    let text = string(node, faults)?;
    let read = seconds_since_1970(text);
    if read.is_none() {
        faults.fault(
            node.at,
            format!("`{text}` is not a valid point in time"),
            "write RFC 3339 with `Z` and quotes, like \"2027-01-31T00:00:00Z\"",
        );
    }
    read
}

fn seconds_since_1970(text: &str) -> Option<u64> {
    let is_shaped = text.len() == 20
        && text.bytes().enumerate().all(|(position, byte)| match position {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            19 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok().filter(|_| is_shaped);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    if year < 1970
        || !(1..=12).contains(&month)
        || day < 1
        || day > days_in(year, month)?
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: u64 = (1..month).filter_map(|month| days_in(year, month)).sum();
    let days = years.checked_add(months)?.checked_add(day)?.checked_sub(1)?;
    days.checked_mul(86_400)?
        .checked_add(hour.checked_mul(3600)?)?
        .checked_add(minute.checked_mul(60)?)?
        .checked_add(second)
}

/// Seconds since 1970 as RFC 3339, the form that Cedar reads.
pub fn rfc3339(seconds: u64) -> String {
    let mut days = seconds / 86_400;
    let rest = seconds % 86_400;
    let mut year = 1970_u64;
    while days >= if is_leap(year) { 366 } else { 365 } {
        days = days.saturating_sub(if is_leap(year) { 366 } else { 365 });
        year = year.saturating_add(1);
    }
    let mut month = 1_u64;
    while let Some(length) = days_in(year, month).filter(|length| days >= *length) {
        days = days.saturating_sub(length);
        month = month.saturating_add(1);
    }
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
        days.saturating_add(1),
        rest / 3600,
        rest % 3600 / 60,
        rest % 60
    )
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> Option<u64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if is_leap(year) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in
            [("1s", 1), ("60s", 60), ("5m", 300), ("24h", 86_400), ("9999999h", 35_999_996_400)]
        {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "s", "0s", "05m", "60", "1.5h", "1d", "10000000s", "-1s", "1 s", "1S", "\u{661}s"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_told_as_they_are_written() {
        for text in ["1s", "61s", "5m", "90m", "24h"] {
            assert_eq!(duration_text(seconds(text).unwrap()), text);
        }
        assert_eq!(duration_text(3600), "1h");
    }

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

    #[test]
    fn points_in_time_go_there_and_back() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2026-11-21T03:09:39Z", 1_795_230_579),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(seconds_since_1970(text), Some(expected), "{text}");
            assert_eq!(rfc3339(expected), text);
        }
        for text in [
            "2026-11-21",
            "2026-11-21T03:09:39",
            "2026-11-21T03:09:39+00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01t00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:60Z",
        ] {
            assert_eq!(seconds_since_1970(text), None, "{text}");
        }
    }
}
