//! Letters that change how a text looks and not what it says.

use super::node::{Node, Value};
use crate::fault::{Page, Place};

/// Bidirectional controls and control characters: what a reviewer sees must be what is read.
pub fn is_strange(letter: char) -> bool {
    let is_bidi = matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    is_bidi || (letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
}

/// Notes every text of a tree that holds such a letter, escaped or not; a policy's text has its own reader, which knows places inside.
pub fn note_strange(node: &Node, page: Page<'_>) {
    match &node.value {
        Value::Text(text, _) | Value::Doubtful(text) => note(text, node.at, page),
        Value::List(items) => items.iter().for_each(|item| note_strange(item, page)),
        Value::Map(members) => {
            for (key, member) in members {
                note(&key.text, key.at, page);
                if key.text != "policy" {
                    note_strange(member, page);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) => {}
    }
}

fn note(text: &str, at: Place, page: Page<'_>) {
    if let Some(letter) = text.chars().find(|letter| is_strange(*letter)) {
        page.fault(
            at,
            format!(
                "the character U+{:04X}, which changes how a text looks and not what it says",
                u32::from(letter)
            ),
            "take it out",
        );
    }
}
