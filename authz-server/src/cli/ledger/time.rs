//! Reads times from the command line, and writes them for people.

use chrono::{DateTime, SecondsFormat};

use crate::clock::Clock;

/// Milliseconds since 1970, from `2026-11-21T06:00:00Z`, seconds since 1970, or a time ago: `90s`, `15m`,
/// `2h`, `7d`.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!("{text:?} is not a valid time: write 2026-11-21T06:00:00Z, seconds since 1970, or 15m (ago)")
    };
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000).ok_or_else(wrong);
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return u64::try_from(instant.timestamp_millis()).map_err(|_| wrong());
    }
    let unit = match text.chars().last() {
        Some('s') => 1_000_u64,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => return Err(wrong()),
    };
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u64>().ok());
    let ago = number.and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)?;
    Ok(Clock::of_the_machine().milliseconds().saturating_sub(ago))
}

pub(in crate::cli) fn rfc3339(milliseconds: u64) -> String {
    let instant = i64::try_from(milliseconds).ok().and_then(DateTime::from_timestamp_millis);
    instant.map_or_else(
        || format!("{milliseconds} ms"),
        |instant| instant.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_back_and_anything_else_is_refused() {
        assert_eq!(parse("1700000000"), Ok(1_700_000_000_000));
        assert_eq!(parse("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000));
        assert_eq!(parse(&rfc3339(1_700_000_000_123)), Ok(1_700_000_000_123));
        let now = || Clock::of_the_machine().milliseconds();
        let (before, parsed, after) = (now(), parse("1h").unwrap(), now());
        assert!((before..=after).contains(&(parsed + 3_600_000)), "{before} {parsed} {after}");
        for wrong in ["", "m", "-1m", "yesterday", "1w", "99999999999999999999", "1969-01-01T00:00:00Z"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
