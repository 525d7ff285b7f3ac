//! Reading typed values out of a tree. Each reader notes what is wrong and gives `None`: the caller goes on with the rest.

use super::node::{Key, Node, Style, Value};
use crate::fault::{Page, Place, Placed};

/// The members of a map whose keys are a closed set.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a> {
    pub at: Place,
    members: &'a [(Key, Node)],
}

/// The members of `node`, each of which must be among `known`.
pub fn members<'a>(node: &'a Node, known: &[&str], page: Page<'_>) -> Option<Members<'a>> {
    let list = entries(node, page)?;
    for (key, _) in list {
        if !known.contains(&key.text.as_str()) {
            page.fault(key.at, format!("unknown key `{}`", key.text), suggestion(&key.text, known));
        }
    }
    Some(Members { at: node.at, members: list })
}

/// The members of a map whose keys its author chooses. It is not empty.
pub fn entries<'a>(node: &'a Node, page: Page<'_>) -> Option<&'a [(Key, Node)]> {
    let Value::Map(list) = &node.value else { return wanted("a map", node, page) };
    if list.is_empty() {
        page.fault(node.at, "an empty map", "leave the key out, or write a member");
        return None;
    }
    Some(list)
}

impl<'a> Members<'a> {
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.members.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// The member's own place: where its key stands.
    pub fn place(&self, name: &str) -> Place {
        self.members.iter().find(|(key, _)| key.text == name).map_or(self.at, |(key, _)| key.at)
    }

    pub fn need(&self, name: &str, page: Page<'_>) -> Option<&'a Node> {
        let found = self.get(name);
        if found.is_none() {
            page.fault(self.at, format!("`{name}` is missing"), format!("write `{name}: …` here"));
        }
        found
    }
}

pub fn string<'a>(node: &'a Node, page: Page<'_>) -> Option<&'a str> {
    match &node.value {
        Value::Text(text, _) => Some(text),
        Value::Doubtful(text) => {
            page.fault(
                node.at,
                format!("`{text}` is not a text to every YAML reader"),
                format!("quote it: \"{text}\""),
            );
            None
        }
        Value::Bool(value) => quote_it(node, &value.to_string(), page),
        Value::Integer(value) => quote_it(node, &value.to_string(), page),
        Value::Null | Value::List(_) | Value::Map(_) => wanted("a text", node, page),
    }
}

/// A list with at least one member: an empty one would mean "nothing" to one reader and "anything" to another.
pub fn list<'a>(node: &'a Node, page: Page<'_>) -> Option<&'a [Node]> {
    let Value::List(items) = &node.value else { return wanted("a list", node, page) };
    if items.is_empty() {
        page.fault(node.at, "an empty list", "leave the key out, or write a member");
        return None;
    }
    Some(items)
}

/// A list of texts, each with its place.
pub fn texts(node: &Node, page: Page<'_>) -> Option<Vec<Placed<String>>> {
    let items = list(node, page)?;
    let read: Vec<_> = items
        .iter()
        .filter_map(|item| string(item, page).map(|text| Placed::new(item.at, text.to_owned())))
        .collect();
    (read.len() == items.len()).then_some(read)
}

pub fn flag(node: &Node, page: Page<'_>) -> Option<bool> {
    if let Value::Bool(value) = node.value { Some(value) } else { wanted("`true` or `false`", node, page) }
}

/// A whole number within bounds.
pub fn natural(node: &Node, least: i64, most: i64, page: Page<'_>) -> Option<i64> {
    if let Value::Integer(value) = node.value
        && (least..=most).contains(&value)
    {
        return Some(value);
    }
    wanted(&format!("an integer from {least} to {most}"), node, page)
}

fn quote_it<T>(node: &Node, text: &str, page: Page<'_>) -> Option<T> {
    match node.at {
        Place::NONE => wanted("a text", node, page),
        at => {
            page.fault(
                at,
                format!("`{text}` is {} where a text is wanted", node.kind()),
                format!("quote it: \"{text}\""),
            );
            None
        }
    }
}

fn wanted<T>(what: &str, node: &Node, page: Page<'_>) -> Option<T> {
    page.fault(node.at, format!("{} where {what} is wanted", node.kind()), format!("write {what}"));
    None
}

fn suggestion(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|candidate| (strsim::levenshtein(name, candidate), candidate)).min();
    match near {
        Some((distance, candidate)) if distance <= 2 => format!("did you mean `{candidate}`?"),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// Where byte `offset` of a text stands in the file, as far as its style lets us know.
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
