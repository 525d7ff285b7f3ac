//! Finds values that occur twice in one list.

use std::collections::HashSet;

use super::canonical;
use super::node::{Node, NodeValue};
use crate::fault::Place;

/// For each value that occurs again in its list: the place of the repetition, and the value. Lists anywhere in the tree.
pub fn duplicates(node: &Node) -> Vec<(Place, String)> {
    let mut found = Vec::new();
    gather(node, &mut found);
    found
}

fn gather(node: &Node, found: &mut Vec<(Place, String)>) {
    match &node.value {
        NodeValue::List(items) => {
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
        NodeValue::Map(members) => members.iter().for_each(|(_, member)| gather(member, found)),
        NodeValue::Null
        | NodeValue::Bool(_)
        | NodeValue::Integer(_)
        | NodeValue::Text(..)
        | NodeValue::Doubtful(_) => {}
    }
}
