//! Values of a declared type, from text or from JSON.

use super::body::Json;
use super::values::Value;
use crate::documents::arguments::ArgumentType;
use crate::strict::LARGEST;

/// The longest list of strings.
const MOST_STRINGS: usize = 64;

/// A value out of a path, a query or a header.
pub(super) fn from_text(text: &str, kind: ArgumentType) -> Option<Value> {
    match kind {
        ArgumentType::Long => integer(text).map(Value::Long),
        ArgumentType::Natural => integer(text).filter(|number| *number >= 0).map(Value::Long),
        ArgumentType::String => string(text),
        ArgumentType::Bool => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        // Several strings are never read from text: where one ends would be anybody's guess.
        ArgumentType::Strings => None,
    }
}

/// A value out of a body.
pub(super) fn from_json(json: &Json, kind: ArgumentType) -> Option<Value> {
    match (kind, json) {
        (ArgumentType::Long, Json::Integer(number)) => bounded(*number).map(Value::Long),
        (ArgumentType::Natural, Json::Integer(number)) => {
            bounded(*number).filter(|number| *number >= 0).map(Value::Long)
        }
        (ArgumentType::String, Json::Text(text)) => string(text),
        (ArgumentType::Bool, Json::Bool(value)) => Some(Value::Bool(*value)),
        (ArgumentType::Strings, Json::List(items)) if items.len() <= MOST_STRINGS => {
            items.iter().map(one_of_several).collect::<Option<_>>().map(Value::Texts)
        }
        _ => None,
    }
}

fn one_of_several(item: &Json) -> Option<String> {
    let Json::Text(text) = item else { return None };
    warrant::formats::is_argument_text(text).then(|| text.clone())
}

/// What a warrant could name: at most 256 bytes, no control characters.
fn string(text: &str) -> Option<Value> {
    warrant::formats::is_argument_text(text).then(|| Value::Text(text.to_owned()))
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
    fn integers_are_written_in_one_way() {
        for (text, expected) in
            [("0", 0), ("7", 7), ("-7", -7), ("9007199254740991", LARGEST), ("-9007199254740991", -LARGEST)]
        {
            assert_eq!(from_text(text, ArgumentType::Long), Some(Value::Long(expected)), "{text}");
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
        assert_eq!(from_text("0", ArgumentType::Natural), Some(Value::Long(0)));
    }

    #[test]
    fn booleans_and_strings() {
        assert_eq!(from_text("true", ArgumentType::Bool), Some(Value::Bool(true)));
        for text in ["True", "1", "yes", ""] {
            assert_eq!(from_text(text, ArgumentType::Bool), None, "{text}");
        }
        assert_eq!(from_text("", ArgumentType::String), Some(Value::Text(String::new())));
        assert!(from_text(&"x".repeat(256), ArgumentType::String).is_some());
        for text in [&"x".repeat(257), "a\nb", "a\u{85}b", "a\u{7f}"] {
            assert_eq!(from_text(text, ArgumentType::String), None);
        }
        assert_eq!(from_text("a", ArgumentType::Strings), None);
    }
}
