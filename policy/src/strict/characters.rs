//! Finds characters that make a text look different from what it says.

use super::node::{Node, NodeValue};
use crate::fault::{FileFaults, Place};

/// Bidirectional controls and other control characters: a reviewer must see exactly what is read.
pub fn is_deceptive(letter: char) -> bool {
    let is_bidi = matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    is_bidi || (letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
}

/// Adds a fault for each string of a tree that holds such a character, escaped or not. Not for a policy: the engine checks its
/// text, and knows the place of each character in it.
pub fn check_characters(node: &Node, faults: FileFaults<'_>) {
    match &node.value {
        NodeValue::Text(text, _) | NodeValue::Doubtful(text) => check(text, node.at, faults),
        NodeValue::List(items) => items.iter().for_each(|item| check_characters(item, faults)),
        NodeValue::Map(members) => {
            for (key, member) in members {
                check(&key.text, key.at, faults);
                if key.text != "policy" {
                    check_characters(member, faults);
                }
            }
        }
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Integer(_) => {}
    }
}

fn check(text: &str, at: Place, faults: FileFaults<'_>) {
    if let Some(letter) = text.chars().find(|letter| is_deceptive(*letter)) {
        faults.fault(
            at,
            format!("the control character U+{:04X} can hide what a text contains", u32::from(letter)),
            "remove it",
        );
    }
}
