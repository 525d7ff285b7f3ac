//! Reads typed values from a tree. Each reader adds a fault and returns `None` if the value is wrong; the caller goes on.

use super::canonical;
use super::node::{MapKey, Node, NodeValue, Style};
use crate::fault::{FileFaults, Place, Placed};

/// The members of a map whose possible keys are fixed.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a> {
    pub at: Place,
    members: &'a [(MapKey, Node)],
    known: &'a [&'a str],
}

/// The members of `node`, each of which must be among `known`. A key that is needed is asked for by `need`.
pub fn members<'a>(node: &'a Node, known: &'a [&'a str], faults: FileFaults<'_>) -> Option<Members<'a>> {
    let NodeValue::Map(list) = &node.value else {
        return expected("a map", &format!("write a map; its keys are: {}", known.join(", ")), node, faults);
    };
    let members = Members { at: node.at, members: list, known };
    for (key, _) in list.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
        let instead = match members.meant_by(&key.text) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known keys: {}", known.join(", ")),
        };
        faults.fault(key.at, format!("unknown key `{}`", key.text), instead);
    }
    Some(members)
}

/// The members of a map whose keys the author chooses. The map must not be empty.
pub fn entries<'a>(node: &'a Node, faults: FileFaults<'_>) -> Option<&'a [(MapKey, Node)]> {
    let NodeValue::Map(list) = &node.value else { return expected("a map", "write a map", node, faults) };
    if list.is_empty() {
        faults.fault(node.at, "an empty map", ONE_ENTRY);
        return None;
    }
    Some(list)
}

/// Not "leave the key out": not every key may be left out.
const ONE_ENTRY: &str = "write at least one entry";

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
        if found.is_none() && !self.misspells(name) {
            faults.fault(self.at, format!("`{name}` is missing"), format!("write `{name}: …` here"));
        }
        found
    }

    /// Whether this key is absent and an unknown key was probably meant to be it. Then only the unknown key is
    /// reported, and not the missing key too.
    pub fn misspells(&self, name: &str) -> bool {
        let is_meant =
            |key: &MapKey| !self.known.contains(&key.text.as_str()) && self.meant_by(&key.text) == Some(name);
        self.members.iter().any(|(key, _)| is_meant(key))
    }

    /// The absent key that was probably meant by an unknown one.
    fn meant_by(&self, unknown: &str) -> Option<&'a str> {
        let absent: Vec<_> = self.known.iter().copied().filter(|name| self.get(name).is_none()).collect();
        nearest(unknown, &absent)
    }
}

/// What a string must be, where not every text is valid.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// The end of the message "`<text>` is not …".
    pub what: &'a str,
    pub instead: &'a str,
}

/// A string with any text.
pub fn string<'a>(node: &'a Node, faults: FileFaults<'_>) -> Option<&'a str> {
    if let NodeValue::Text(text, _) = &node.value {
        return Some(text);
    }
    match unquoted(node) {
        Some(text) => quote_it(node, &text, faults),
        None => expected("a string", "write a string", node, faults),
    }
}

/// A string of a form that `read` accepts. For a scalar without quotes, the message says to quote it only if `read`
/// accepts its text.
pub fn formed<T>(
    node: &Node,
    form: Form<'_>,
    faults: FileFaults<'_>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let not_one = |text: &str| {
        faults.fault(node.at, format!("`{text}` is not {}", form.what), form.instead);
        None
    };
    if let NodeValue::Text(text, _) = &node.value {
        return read(text).or_else(|| not_one(text));
    }
    match unquoted(node) {
        Some(text) if read(&text).is_some() => quote_it(node, &text, faults),
        Some(text) => not_one(&text),
        None => expected(form.what, form.instead, node, faults),
    }
}

/// The text of a scalar that is not a string, as it was written.
fn unquoted(node: &Node) -> Option<String> {
    match &node.value {
        NodeValue::Doubtful(text) => Some(text.clone()),
        NodeValue::Bool(value) => Some(value.to_string()),
        NodeValue::Integer(value) => Some(value.to_string()),
        NodeValue::Null | NodeValue::Text(..) | NodeValue::List(_) | NodeValue::Map(_) => None,
    }
}

fn quote_it<T>(node: &Node, text: &str, faults: FileFaults<'_>) -> Option<T> {
    let what = if matches!(node.value, NodeValue::Doubtful(_)) {
        format!("some YAML parsers do not read `{text}` as a string")
    } else {
        format!("expected a string, found {}: `{text}`", node.kind())
    };
    faults.fault(node.at, what, format!("quote it: {}", canonical::quoted(text)));
    None
}

/// A list with at least one entry: one reader would take an empty list for "nothing", another for "anything".
pub fn list<'a>(node: &'a Node, faults: FileFaults<'_>) -> Option<&'a [Node]> {
    let NodeValue::List(items) = &node.value else {
        return expected("a list", "write a list", node, faults);
    };
    if items.is_empty() {
        faults.fault(node.at, "an empty list", ONE_ENTRY);
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
        return Some(value);
    }
    expected("a boolean", "write `true` or `false`, without quotes", node, faults)
}

/// A whole number within bounds.
pub fn natural(node: &Node, least: i64, most: i64, faults: FileFaults<'_>) -> Option<i64> {
    let range = format!("an integer from {least} to {most}");
    let NodeValue::Integer(value) = node.value else {
        return expected(&range, &format!("write {range}, without quotes"), node, faults);
    };
    if !(least..=most).contains(&value) {
        faults.fault(node.at, format!("expected {range}, found {value}"), format!("write {range}"));
        return None;
    }
    Some(value)
}

fn expected<T>(what: &str, instead: &str, node: &Node, faults: FileFaults<'_>) -> Option<T> {
    faults.fault(node.at, format!("expected {what}, found {}", node.kind()), instead);
    None
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
