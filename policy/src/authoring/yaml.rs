//! Writes JSON as YAML in the style of a person: blocks, a policy on its own lines, and quotes where a YAML
//! parser could read another type. The documents' own parser reads the same value back.
//!
//! It knows nothing of documents but that `policy` must be a literal block.

use serde_json::Value;

/// The lines of this value in YAML.
pub fn yaml_lines(value: &Value) -> Vec<String> {
    lines(value)
}

fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) if !members.is_empty() => members.iter().flat_map(member).collect(),
        Value::Array(items) if !items.is_empty() => items.iter().flat_map(item).collect(),
        Value::Object(_)
        | Value::Array(_)
        | Value::String(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_) => vec![flow(value)],
    }
}

fn member((key, value): (&String, &Value)) -> Vec<String> {
    let head = format!("{}:", key_text(key));
    match value {
        Value::String(text) if key == "policy" && !text.trim().is_empty() && !is_block(text) => {
            exact_block(&head, text)
        }
        Value::String(_)
        | Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_) => under(&head, value, "  "),
    }
}

/// A key and its value: on the same line if the value is short, otherwise below.
fn under(head: &str, value: &Value, indent: &str) -> Vec<String> {
    match value {
        Value::String(text) if is_block(text) => block(head, text, indent),
        Value::Object(members) if !members.is_empty() && !is_flat(value) => below(head, value, indent),
        Value::Array(items) if !items.is_empty() && !is_flat(value) => below(head, value, indent),
        Value::Object(_)
        | Value::Array(_)
        | Value::String(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_) => {
            vec![format!("{head} {}", flow(value))]
        }
    }
}

fn below(head: &str, value: &Value, indent: &str) -> Vec<String> {
    let inside = lines(value).into_iter().map(|line| format!("{indent}{line}"));
    std::iter::once(head.to_owned()).chain(inside).collect()
}

fn item(value: &Value) -> Vec<String> {
    if is_flat(value) {
        return vec![format!("- {}", flow(value))];
    }
    let mark =
        |(position, line): (usize, String)| format!("{}{line}", if position == 0 { "- " } else { "  " });
    lines(value).into_iter().enumerate().map(mark).collect()
}

/// A list or an object without a nested one: it is written on one line.
fn is_flat(value: &Value) -> bool {
    let is_plain =
        |value: &Value| !value.is_object() && !value.is_array() && !value.as_str().is_some_and(is_block);
    match value {
        // A policy has lines of its own.
        Value::Object(members) => !members.contains_key("policy") && members.values().all(is_plain),
        Value::Array(items) => items.iter().all(is_plain),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => is_plain(value),
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let all: Vec<_> =
                members.iter().map(|(key, value)| format!("{}: {}", key_text(key), flow(value))).collect();
            format!("{{{}}}", all.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) if is_word(text) => text.clone(),
        other @ (Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_)) => other.to_string(),
    }
}

fn key_text(key: &str) -> String {
    if is_word(key) { key.to_owned() } else { Value::from(key).to_string() }
}

/// Whether every YAML parser reads this as text without quotes.
fn is_word(text: &str) -> bool {
    const AMBIGUOUS: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"];
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(inside)
        && !AMBIGUOUS.contains(&text.to_ascii_lowercase().as_str())
}

/// Whether a text can be written as a literal block and read back unchanged.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let is_plain = |one: char| one == '\n' || !one.is_control();
    text.contains('\n')
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && text.chars().all(is_plain)
}

fn block(head: &str, text: &str, indent: &str) -> Vec<String> {
    let chomping = if text.ends_with('\n') { "|" } else { "|-" };
    let inside =
        text.lines().map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") });
    std::iter::once(format!("{head} {chomping}")).chain(inside).collect()
}

/// A literal block for any text without control characters: it says how far it is indented, and keeps every line break at the end.
fn exact_block(head: &str, text: &str) -> Vec<String> {
    let chomping = match text.strip_suffix('\n') {
        None => "-",
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => "+",
        Some(_) => "",
    };
    let inside = text.lines().map(|line| if line.is_empty() { String::new() } else { format!("  {line}") });
    std::iter::once(format!("{head} |2{chomping}")).chain(inside).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fault::Faults;
    use crate::strict;

    #[test]
    fn a_policy_is_always_a_literal_block() {
        for text in ["permit (principal, action, resource);", "  permit ();\n\n", "a\n b\n\n\n", "a\nb"] {
            let value = json!({"spec": {"policy": text, "query": "any"}});
            assert!(lines(&value).iter().any(|line| line.starts_with("  policy: |")), "{text:?}");
            assert_eq!(read_back(&value), value, "{}", lines(&value).join("\n"));
        }
    }

    fn read_back(value: &Value) -> Value {
        let written = lines(value).join("\n");
        let faults = Faults::new();
        let node = strict::yaml(written.as_bytes(), faults.in_file(std::path::Path::new("written")));
        let faults = faults.into_sorted();
        assert!(faults.is_empty(), "{written}\n{faults:?}");
        serde_json::from_str(&strict::canonical_json(&node.unwrap())).unwrap()
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let ambiguous =
            ["NO", "on", "y", "010", "1:30", "", " a", "a: b", "# a", "a\tb", "ö", "10", "-5", "~", "{}"];
        for value in [
            json!({"a": {"b": [1, true, "x"], "policy": "permit (\n  principal\n\n);\n"}, "c": [[1], ["b"]]}),
            json!({"list": [{"deep": {"er": [{"a": "one\ntwo"}]}}, {"b": "x"}], "y": "n"}),
            json!({"texts": ambiguous}),
            json!({"open": "ends\n\n", "shut": "a\n b", "led": "\na", "empty": [], "none": {}}),
        ] {
            assert_eq!(read_back(&value), value);
        }
    }

    #[test]
    fn it_reads_as_a_person_would_have_written_it() {
        let value = json!({"match": [{"hosts": ["a.b"], "paths": ["/x"]}], "policy": "permit (\n);\n", "query": "any"});
        let expected = [
            "match:",
            "  - hosts: [a.b]",
            "    paths: [\"/x\"]",
            "policy: |",
            "  permit (",
            "  );",
            "query: any",
        ];
        assert_eq!(lines(&value), expected);
    }
}
