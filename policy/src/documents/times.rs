//! Reads durations and points in time, and writes them as an author would.

use super::scalars;
use crate::fault::FileFaults;
use crate::strict::{Form, Node, formed};

/// `[1-9][0-9]{0,6}(s|m|h)`, in seconds.
pub(crate) fn duration(node: &Node, faults: FileFaults<'_>) -> Option<u64> {
    let form = Form {
        what: "a valid duration",
        instead: "write a whole number from 1 to 9999999 and `s`, `m` or `h`, like `60s`",
    };
    formed(node, form, faults, seconds)
}

pub fn seconds(text: &str) -> Option<u64> {
    let unit = match text.bytes().last()? {
        b's' => 1_u64,
        b'm' => 60,
        b'h' => 3600,
        _ => return None,
    };
    let number = text.get(..text.len().checked_sub(1)?)?;
    scalars::positive_number(number, 7)?.checked_mul(unit)
}

/// A duration as an author would write it.
pub(crate) fn duration_text(seconds: u64) -> String {
    match seconds {
        hours if hours.is_multiple_of(3600) => format!("{}h", hours / 3600),
        minutes if minutes.is_multiple_of(60) => format!("{}m", minutes / 60),
        seconds => format!("{seconds}s"),
    }
}

/// A point in time, RFC 3339 with `Z` and whole seconds, as seconds since 1970.
pub(crate) fn instant(node: &Node, faults: FileFaults<'_>) -> Option<u64> {
    let form = Form {
        what: "a valid point in time",
        instead: "write RFC 3339 with `Z` and quotes, like \"2027-01-31T00:00:00Z\"",
    };
    formed(node, form, faults, seconds_since_1970)
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
