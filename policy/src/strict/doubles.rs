//! Values that stand twice in one list.

use std::collections::HashSet;

use super::canonical;
use super::node::{Node, Value};
use crate::fault::Place;

/// Every later one of equal items, anywhere in the tree.
pub fn doubles(node: &Node) -> Vec<(Place, String)> {
    let mut found = Vec::new();
    gather(node, &mut found);
    found
}

fn gather(node: &Node, found: &mut Vec<(Place, String)>) {
    match &node.value {
        Value::List(items) => {
            let mut seen = HashSet::new();
            for item in items {
                let text = canonical::of(item);
                if seen.contains(&text) {
                    found.push((item.at, text.trim_matches('"').to_owned()));
                }
                seen.insert(text);
                gather(item, found);
            }
        }
        Value::Map(members) => members.iter().for_each(|(_, member)| gather(member, found)),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Text(..) | Value::Doubtful(_) => {}
    }
}
