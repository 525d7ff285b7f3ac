//! Converts text or JSON to a value of a declared type.

use super::body::Json;
use super::values::ArgumentValue;
use crate::documents::arguments::ArgumentType;
use crate::strict::LARGEST;

/// The longest list of strings.
const MOST_STRINGS: usize = 64;

/// A value from a path, a query or a header.
pub(super) fn from_text(text: &str, kind: ArgumentType) -> Option<ArgumentValue> {
    match kind {
        ArgumentType::Long => integer(text).map(ArgumentValue::Long),
        ArgumentType::Natural => integer(text).filter(|number| *number >= 0).map(ArgumentValue::Long),
        ArgumentType::String => string(text),
        ArgumentType::Bool => match text {
            "true" => Some(ArgumentValue::Bool(true)),
            "false" => Some(ArgumentValue::Bool(false)),
            _ => None,
        },
        // Several strings are never read from text: it would be unclear where one ends.
        ArgumentType::Strings => None,
    }
}

/// A value from a body.
pub(super) fn from_json(json: &Json, kind: ArgumentType) -> Option<ArgumentValue> {
    match (kind, json) {
        (ArgumentType::Long, Json::Integer(number)) => bounded(*number).map(ArgumentValue::Long),
        (ArgumentType::Natural, Json::Integer(number)) => {
            bounded(*number).filter(|number| *number >= 0).map(ArgumentValue::Long)
        }
        (ArgumentType::String, Json::Text(text)) => string(text),
        (ArgumentType::Bool, Json::Bool(value)) => Some(ArgumentValue::Bool(*value)),
        (ArgumentType::Strings, Json::List(items)) if items.len() <= MOST_STRINGS => {
            items.iter().map(list_item).collect::<Option<_>>().map(ArgumentValue::Texts)
        }
        _ => None,
    }
}

fn list_item(item: &Json) -> Option<String> {
    let Json::Text(text) = item else { return None };
    warrant::formats::is_argument_text(text).then(|| text.clone())
}

/// A string that a warrant can also contain: at most 256 bytes, no control characters.
fn string(text: &str) -> Option<ArgumentValue> {
    warrant::formats::is_argument_text(text).then(|| ArgumentValue::Text(text.to_owned()))
}

/// `-?(0|[1-9][0-9]*)`, not `-0`.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    text.parse().ok().filter(|_| is_plain && text != "-0").and_then(bounded)
}

fn bounded(number: i64) -> Option<i64> {
    (-LARGEST..=LARGEST).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_way_to_write_an_integer() {
        for (text, expected) in
            [("0", 0), ("7", 7), ("-7", -7), ("9007199254740991", LARGEST), ("-9007199254740991", -LARGEST)]
        {
            assert_eq!(from_text(text, ArgumentType::Long), Some(ArgumentValue::Long(expected)), "{text}");
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "07",
            "+7",
            "7.0",
            "7e0",
            " 7",
            "7 ",
            "0x7",
            "9007199254740992",
            "-9007199254740992",
            "\u{667}",
            "99999999999999999999",
        ] {
            assert_eq!(from_text(text, ArgumentType::Long), None, "{text}");
        }
        assert_eq!(from_text("-1", ArgumentType::Natural), None);
        assert_eq!(from_text("0", ArgumentType::Natural), Some(ArgumentValue::Long(0)));
    }

    #[test]
    fn booleans_are_two_words_and_strings_are_bounded() {
        assert_eq!(from_text("true", ArgumentType::Bool), Some(ArgumentValue::Bool(true)));
        for text in ["True", "1", "yes", ""] {
            assert_eq!(from_text(text, ArgumentType::Bool), None, "{text}");
        }
        assert_eq!(from_text("", ArgumentType::String), Some(ArgumentValue::Text(String::new())));
        assert!(from_text(&"x".repeat(256), ArgumentType::String).is_some());
        for text in [&"x".repeat(257), "a\nb", "a\u{85}b", "a\u{7f}"] {
            assert_eq!(from_text(text, ArgumentType::String), None);
        }
        assert_eq!(from_text("a", ArgumentType::Strings), None);
    }
}
