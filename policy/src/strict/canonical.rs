//! Canonical JSON (RFC 8785) of a tree: the bytes that a bundle holds and that digests are computed over.
//!
//! Documents have integers only, so the hard part of the RFC (how to write a float) is not needed.

use super::node::{Node, NodeValue};

/// `-?(0|[1-9][0-9]*)`, not `-0`: the only way to write an integer.
pub(crate) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits == "0" || (!digits.starts_with('0') && !digits.is_empty());
    is_plain && text != "-0" && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The canonical bytes of a tree.
pub fn of(node: &Node) -> String {
    let mut out = String::new();
    write(node, &mut out);
    out
}

/// The canonical bytes of JSON that `serde_json` has read. Numbers are written as `serde_json` writes them.
pub(crate) fn of_json(value: &serde_json::Value) -> String {
    let mut out = String::new();
    write_json(value, &mut out);
    out
}

fn write_json(value: &serde_json::Value, out: &mut String) {
    match value {
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
            out.push_str(&value.to_string())
        }
        serde_json::Value::String(text) => quote(text, out),
        serde_json::Value::Array(items) => separated(items.iter(), ('[', ']'), out, write_json),
        serde_json::Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            separated(sorted.into_iter(), ('{', '}'), out, |(key, value), out| {
                quote(key, out);
                out.push(':');
                write_json(value, out);
            });
        }
    }
}

fn write(node: &Node, out: &mut String) {
    match &node.value {
        NodeValue::Null => out.push_str("null"),
        NodeValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        NodeValue::Integer(value) => out.push_str(&value.to_string()),
        NodeValue::Text(text, _) | NodeValue::Doubtful(text) => quote(text, out),
        NodeValue::List(items) => separated(items.iter(), ('[', ']'), out, write),
        NodeValue::Map(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            // The RFC sorts by UTF-16 units, which is not the order of UTF-8 bytes above U+FFFF.
            sorted.sort_by(|(one, _), (other, _)| one.text.encode_utf16().cmp(other.text.encode_utf16()));
            separated(sorted.into_iter(), ('{', '}'), out, |(key, value), out| {
                quote(&key.text, out);
                out.push(':');
                write(value, out);
            });
        }
    }
}

fn separated<T>(
    items: impl Iterator<Item = T>,
    (open, close): (char, char),
    out: &mut String,
    one: impl Fn(T, &mut String),
) {
    out.push(open);
    for (position, item) in items.enumerate() {
        if position > 0 {
            out.push(',');
        }
        one(item, out);
    }
    out.push(close);
}

/// A text as canonical JSON.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::new();
    quote(text, &mut out);
    out
}

/// The shortest escapes, lower-case hexadecimal, and only what must be escaped.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict::json;

    #[test]
    fn members_are_sorted_by_utf_16_and_only_what_must_be_is_escaped() {
        let written =
            "{\"\u{e000}\":1, \"\u{1f600}\":2, \"b\\/\":[true, null, -3], \"a\\u000f\":\"\\u20ac\\n\\\"\"}";
        let canonical = of(&json::parse(written.as_bytes()).unwrap());
        assert_eq!(
            canonical,
            "{\"a\\u000f\":\"\u{20ac}\\n\\\"\",\"b/\":[true,null,-3],\"\u{1f600}\":2,\"\u{e000}\":1}"
        );
        assert_eq!(of(&json::parse(canonical.as_bytes()).unwrap()), canonical);
    }
}
