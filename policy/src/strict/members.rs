//! Reads typed values from a tree. Each reader adds a fault and returns `None` if the value is wrong; the caller goes on.

use super::node::{MapKey, Node, NodeValue, Style};
use crate::fault::{FileFaults, Place, Placed};

/// The members of a map whose possible keys are fixed.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a> {
    pub at: Place,
    members: &'a [(MapKey, Node)],
}

/// The members of `node`, each of which must be among `known`.
pub fn members<'a>(node: &'a Node, known: &[&str], faults: FileFaults<'_>) -> Option<Members<'a>> {
    let list = entries(node, faults)?;
    for (key, _) in list {
        if !known.contains(&key.text.as_str()) {
            faults.fault(key.at, format!("unknown key `{}`", key.text), suggestion(&key.text, known));
        }
    }
    Some(Members { at: node.at, members: list })
}

/// The members of a map whose keys the author chooses. The map must not be empty.
pub fn entries<'a>(node: &'a Node, faults: FileFaults<'_>) -> Option<&'a [(MapKey, Node)]> {
    let NodeValue::Map(list) = &node.value else { return expected("a map", node, faults) };
    if list.is_empty() {
        faults.fault(node.at, "an empty map", "leave the key out, or add an entry");
        return None;
    }
    Some(list)
}

impl<'a> Members<'a> {
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.members.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// The place of the member's key, or of the map if the member is absent.
    pub fn place(&self, name: &str) -> Place {
        self.members.iter().find(|(key, _)| key.text == name).map_or(self.at, |(key, _)| key.at)
    }

    pub fn need(&self, name: &str, faults: FileFaults<'_>) -> Option<&'a Node> {
        let found = self.get(name);
        if found.is_none() {
            faults.fault(self.at, format!("`{name}` is missing"), format!("write `{name}: …` here"));
        }
        found
    }
}

pub fn string<'a>(node: &'a Node, faults: FileFaults<'_>) -> Option<&'a str> {
    match &node.value {
        NodeValue::Text(text, _) => Some(text),
        NodeValue::Doubtful(text) => {
            faults.fault(
                node.at,
                format!("some YAML parsers do not read `{text}` as a string"),
                format!("quote it: \"{text}\""),
            );
            None
        }
        NodeValue::Bool(value) => quote_it(node, &value.to_string(), faults),
        NodeValue::Integer(value) => quote_it(node, &value.to_string(), faults),
        NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_) => expected("a string", node, faults),
    }
}

/// A list with at least one entry: one reader would take an empty list for "nothing", another for "anything".
pub fn list<'a>(node: &'a Node, faults: FileFaults<'_>) -> Option<&'a [Node]> {
    let NodeValue::List(items) = &node.value else { return expected("a list", node, faults) };
    if items.is_empty() {
        faults.fault(node.at, "an empty list", "leave the key out, or add an entry");
        return None;
    }
    Some(items)
}

/// A list of strings, each with its place.
pub fn texts(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Placed<String>>> {
    let items = list(node, faults)?;
    let read: Vec<_> = items
        .iter()
        .filter_map(|item| string(item, faults).map(|text| Placed::new(item.at, text.to_owned())))
        .collect();
    (read.len() == items.len()).then_some(read)
}

pub fn flag(node: &Node, faults: FileFaults<'_>) -> Option<bool> {
    if let NodeValue::Bool(value) = node.value {
        Some(value)
    } else {
        expected("`true` or `false`", node, faults)
    }
}

/// A whole number within bounds.
pub fn natural(node: &Node, least: i64, most: i64, faults: FileFaults<'_>) -> Option<i64> {
    if let NodeValue::Integer(value) = node.value
        && (least..=most).contains(&value)
    {
        return Some(value);
    }
    let range = format!("an integer from {least} to {most}");
    match node.value {
        NodeValue::Integer(value) => {
            faults.fault(node.at, format!("expected {range}, found {value}"), format!("write {range}"));
            None
        }
        NodeValue::Null
        | NodeValue::Bool(_)
        | NodeValue::Text(..)
        | NodeValue::Doubtful(_)
        | NodeValue::List(_)
        | NodeValue::Map(_) => expected(&range, node, faults),
    }
}

fn quote_it<T>(node: &Node, text: &str, faults: FileFaults<'_>) -> Option<T> {
    match node.at {
        Place::NONE => expected("a string", node, faults),
        at => {
            faults.fault(
                at,
                format!("expected a string, found {}: `{text}`", node.kind()),
                format!("quote it: \"{text}\""),
            );
            None
        }
    }
}

fn expected<T>(what: &str, node: &Node, faults: FileFaults<'_>) -> Option<T> {
    faults.fault(node.at, format!("expected {what}, found {}", node.kind()), format!("write {what}"));
    None
}

fn suggestion(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("known keys: {}", known.join(", ")),
    }
}

/// The known name that was probably meant; always the same one for the same names.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|candidate| (strsim::levenshtein(name, candidate), *candidate)).min();
    near.filter(|(distance, _)| *distance <= 2).map(|(_, candidate)| candidate)
}

/// The place in the file of byte `offset` of a string, as exact as the style of the string allows.
pub fn place_inside(at: Place, style: Style, text: &str, offset: usize) -> Place {
    let Style::Literal { first, indent } = style else { return at };
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Place {
        line: first.saturating_add(number(line)),
        column: indent.saturating_add(number(column)).saturating_add(1),
    }
}
