//! Decides what a plain (unquoted) YAML scalar is: a string, a boolean, an integer, or doubtful.
//!
//! YAML 1.1, which kubectl and most tools read, takes `NO` for false, `010` for eight and `1:30` for ninety; YAML 1.2 does not.
//! So a plain scalar is a string only if every parser reads it as a string; the rest is [`NodeValue::Doubtful`] and needs quotes.

use super::node::{LARGEST, NodeValue, Style};

/// Words that YAML 1.1 does not read as strings, apart from `true` and `false`, which are booleans here too.
const WORDS: &[&str] = &[
    "", "~", "=", "<<", "null", "Null", "NULL", "y", "Y", "n", "N", "yes", "Yes", "YES", "no", "No", "NO",
    "True", "TRUE", "False", "FALSE", "on", "On", "ON", "off", "Off", "OFF",
];

pub(super) fn read(text: &str) -> NodeValue {
    match text {
        "true" => NodeValue::Bool(true),
        "false" => NodeValue::Bool(false),
        _ => match integer(text) {
            Some(number) => NodeValue::Integer(number),
            None if is_doubtful(text) => NodeValue::Doubtful(text.to_owned()),
            None => NodeValue::Text(text.to_owned(), Style::Flowing),
        },
    }
}

/// `0|[1-9][0-9]*`, up to the largest that the record can hold.
fn integer(text: &str) -> Option<i64> {
    let plain = text == "0"
        || (!text.starts_with('0') && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    text.parse().ok().filter(|number| plain && *number <= LARGEST)
}

fn is_doubtful(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    WORDS.contains(&text) || is_date(text) || is_number(unsigned) || is_sexagesimal(unsigned)
}

/// Integers of any base and floats, as YAML 1.1, YAML 1.2 or JSON write them.
fn is_number(text: &str) -> bool {
    if matches!(text, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return !digits.is_empty() && digits.chars().all(|digit| digit == '_' || digit.is_digit(radix));
        }
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let some_digit = mantissa.bytes().any(|byte| byte.is_ascii_digit());
    some_digit
        && digits(whole)
        && digits(fraction)
        && exponent
            .is_none_or(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `1:30`: YAML 1.1 reads it as a number in base 60.
fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let mut more = 0_usize;
    for part in parts {
        let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        if whole.is_empty() || whole.len() > 2 || !digits(whole) || !digits(fraction) {
            return false;
        }
        more = more.saturating_add(1);
    }
    more > 0
        && first.bytes().any(|byte| byte.is_ascii_digit())
        && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// `2026-12-01`, alone or at the beginning of a timestamp.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let year = parts.next().unwrap_or_default();
    let month = parts.next().unwrap_or_default();
    let day = parts.next().unwrap_or_default();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let day_digits = day.bytes().take_while(u8::is_ascii_digit).count();
    let after_day = day.as_bytes().get(day_digits).copied();
    year.len() == 4
        && digits(year)
        && month.len() <= 2
        && digits(month)
        && (1..=2).contains(&day_digits)
        && matches!(after_day, None | Some(b'T' | b't' | b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_parser_reads_as_a_string_is_a_string() {
        for text in [
            "shop",
            "payments.shop:8080",
            "60s",
            "1h",
            "agent:*",
            "spiffe://shop/**",
            "10.0.0.1",
            "eu-1",
            "a1",
            "7f3a",
            "nope",
            "2026-12-01-a",
            "none",
            "1:30pm",
            "0xg",
            "e5",
            "-",
            ".",
            "_",
            "v1.2",
        ] {
            assert!(matches!(read(text), NodeValue::Text(..)), "{text} reads as {:?}", read(text));
        }
    }

    #[test]
    fn what_some_parser_reads_as_something_else_is_doubtful() {
        for text in [
            "NO",
            "no",
            "on",
            "y",
            "n",
            "Off",
            "True",
            "FALSE",
            "~",
            "null",
            "010",
            "1:30",
            "-1:30",
            "190:20:30",
            "1.5",
            "-5",
            "+5",
            "1e3",
            ".5",
            "5.",
            "0x1F",
            "0o17",
            "0b101",
            "1_000",
            ".inf",
            "-.INF",
            ".nan",
            "2026-12-01",
            "2026-12-01T00:00:00Z",
            "2026-1-2",
            "=",
            "<<",
            "00",
            "9007199254740992",
            "",
        ] {
            assert!(matches!(read(text), NodeValue::Doubtful(_)), "{text} reads as {:?}", read(text));
        }
    }

    #[test]
    fn there_is_one_way_to_write_booleans_and_integers() {
        assert!(matches!(read("true"), NodeValue::Bool(true)));
        assert!(matches!(read("false"), NodeValue::Bool(false)));
        assert!(matches!(read("0"), NodeValue::Integer(0)));
        assert!(matches!(read("10000"), NodeValue::Integer(10_000)));
        assert!(matches!(read("9007199254740991"), NodeValue::Integer(LARGEST)));
    }
}
