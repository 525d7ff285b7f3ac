//! Places in a document that has no lines: each value, each key and each line of its policy gets a number, which stands where a
//! line stands in a file. From the number the path in the document is found again: `spec.match[0].hosts[1]`.

use crate::fault::Place;
use crate::strict::{MapKey, Node, NodeValue, Style};

/// The document with a number for each place.
pub(crate) fn node(document: &Node) -> Node {
    Numbers { last: 0 }.value(document, "")
}

/// The path of a place in a numbered document, with the line and the column in its policy.
pub(crate) fn at(document: &Node, place: Place) -> Option<String> {
    if place == Place::NONE { None } else { find(&node(document), String::new(), place) }
}

struct Numbers {
    last: u32,
}

impl Numbers {
    fn next(&mut self) -> Place {
        self.last = self.last.saturating_add(1);
        Place { line: self.last, column: 1 }
    }

    fn value(&mut self, node: &Node, key: &str) -> Node {
        let at = self.next();
        let value = match &node.value {
            NodeValue::Text(text, _) if key == "policy" => {
                let first = self.last.saturating_add(1);
                self.last = self.last.saturating_add(lines(text));
                NodeValue::Text(text.clone(), Style::Literal { first, indent: 0 })
            }
            NodeValue::List(items) => {
                NodeValue::List(items.iter().map(|item| self.value(item, "")).collect())
            }
            NodeValue::Map(members) => NodeValue::Map(
                members
                    .iter()
                    .map(|(key, value)| {
                        let named = MapKey { at: self.next(), text: key.text.clone() };
                        (named, self.value(value, &key.text))
                    })
                    .collect(),
            ),
            other @ (NodeValue::Null
            | NodeValue::Bool(_)
            | NodeValue::Integer(_)
            | NodeValue::Text(..)
            | NodeValue::Doubtful(_)) => other.clone(),
        };
        Node { at, value }
    }
}

/// One more than its line breaks: a fault may be at the end of the text.
fn lines(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1)
}

fn find(node: &Node, path: String, place: Place) -> Option<String> {
    if node.at.line == place.line {
        return Some(path);
    }
    match &node.value {
        NodeValue::Text(text, Style::Literal { first, .. }) => {
            let line = place.line.checked_sub(*first).filter(|line| *line < lines(text))?;
            Some(format!("{path}, line {}, column {}", line.saturating_add(1), place.column))
        }
        NodeValue::List(items) => items
            .iter()
            .enumerate()
            .find_map(|(position, item)| find(item, format!("{path}[{position}]"), place)),
        NodeValue::Map(members) => members.iter().find_map(|(key, value)| {
            let path = if path.is_empty() { key.text.clone() } else { format!("{path}.{}", key.text) };
            if key.at.line == place.line { Some(path) } else { find(value, path, place) }
        }),
        NodeValue::Text(..)
        | NodeValue::Null
        | NodeValue::Bool(_)
        | NodeValue::Integer(_)
        | NodeValue::Doubtful(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict::{json, place_inside};

    #[test]
    fn every_place_leads_back_to_its_path() {
        let text =
            br#"{"spec":{"match":[{"hosts":["a","b"]}],"policy":"permit (\n  principal\n);","query":"any"}}"#;
        let document = json::parse(text).unwrap();
        let numbered = node(&document);
        let NodeValue::Map(top) = &numbered.value else { panic!() };
        let NodeValue::Map(spec) = &top[0].1.value else { panic!() };
        let path = |place| at(&document, place).unwrap();
        assert_eq!(path(numbered.at), "");
        assert_eq!(path(top[0].0.at), "spec");
        let NodeValue::List(items) = &spec[0].1.value else { panic!() };
        let NodeValue::Map(item) = &items[0].value else { panic!() };
        let NodeValue::List(hosts) = &item[0].1.value else { panic!() };
        assert_eq!(path(hosts[1].at), "spec.match[0].hosts[1]");
        let (policy, after) = (&spec[1].1, &spec[2].1);
        let NodeValue::Text(text, style) = &policy.value else { panic!() };
        let inside = place_inside(policy.at, *style, text, text.find("principal").unwrap());
        assert_eq!(path(inside), "spec.policy, line 2, column 3");
        assert_eq!(path(place_inside(policy.at, *style, text, text.len())), "spec.policy, line 3, column 3");
        assert_eq!((path(policy.at), path(after.at)), ("spec.policy".to_owned(), "spec.query".to_owned()));
        assert_eq!(at(&document, Place::NONE), None);
        assert_eq!(at(&document, Place { line: 4000, column: 1 }), None);
    }
}
