//! `kind: RouteTests`: what a route must answer, case by case.

use std::path::PathBuf;

use warrant::Denial;

use super::kind::{Kind, open};
use super::situation::{self, Situation};
use crate::fault::{Page, Place, Placed};
use crate::strict::canonical;
use crate::strict::{Key, Node, Value, list, members, string};

#[derive(Debug)]
pub(crate) struct TestsDoc {
    pub(crate) file: PathBuf,
    pub(crate) name: Placed<String>,
    pub(crate) cases: Vec<Case>,
}

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) at: Place,
    pub(crate) name: String,
    pub(crate) expect: Expect,
    /// The policy that must have decided.
    pub(crate) because: Option<Placed<String>>,
    pub(crate) situation: Situation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Allow,
    Deny(Denial),
}

impl Expect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny(denial) => denial.code(),
        }
    }
}

/// A request's body is JSON: in these documents `null` and `-5` are what they look like.
pub(crate) fn with_json_values(node: &Node) -> Node {
    let value = match &node.value {
        Value::Doubtful(text) if text == "null" => Value::Null,
        Value::Doubtful(text) if canonical::is_integer(text) => {
            text.parse().map_or_else(|_| node.value.clone(), Value::Integer)
        }
        Value::List(items) => Value::List(items.iter().map(with_json_values).collect()),
        Value::Map(members) => {
            Value::Map(members.iter().map(|(key, node)| (key.clone(), with_json_values(node))).collect())
        }
        other @ (Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Text(..) | Value::Doubtful(_)) => {
            other.clone()
        }
    };
    Node { at: node.at, value }
}

pub(crate) fn read(node: &Node, stem: &str, page: Page<'_>) -> Option<TestsDoc> {
    let document = open(node, Kind::RouteTests, page)?;
    let name = document.name(page)?;
    if name.value != stem {
        page.fault(
            name.at,
            format!("the tests of `{}` stand in a file called `{stem}.test`", name.value),
            "give both the same name",
        );
        return None;
    }
    let nothing = Node { at: node.at, value: Value::Map(Vec::new()) };
    let given = document.members.get("given").unwrap_or(&nothing);
    let items = list(document.members.need("cases", page)?, page)?;
    let cases: Vec<_> = items.iter().filter_map(|item| case(item, given, page)).collect();
    are_told_apart(&cases, page);
    (cases.len() == items.len()).then(|| TestsDoc { file: page.file.to_path_buf(), name, cases })
}

fn are_told_apart(cases: &[Case], page: Page<'_>) {
    for (position, case) in cases.iter().enumerate() {
        if cases.iter().take(position).any(|earlier| earlier.name == case.name) {
            page.fault(case.at, format!("a second case called `{}`", case.name), "give each its own name");
        }
    }
}

fn case(node: &Node, given: &Node, page: Page<'_>) -> Option<Case> {
    let known = [&["name", "expect", "because"][..], situation::KNOWN].concat();
    let spec = members(node, &known, page)?;
    let name = spec.need("name", page).and_then(|node| string(node, page));
    let expect = spec.need("expect", page).and_then(|node| expect(node, page));
    let because = match spec.get("because") {
        Some(node) => Some(Some(Placed::new(node.at, string(node, page)?.to_owned()))),
        None => Some(None),
    };
    let own = only(node, situation::KNOWN);
    let situation = situation::read(&merged(given, &own), page);
    Some(Case {
        at: node.at,
        name: name?.to_owned(),
        expect: expect?,
        because: because?,
        situation: situation?,
    })
}

fn expect(node: &Node, page: Page<'_>) -> Option<Expect> {
    let text = string(node, page)?;
    let read = if text == "allow" { Some(Expect::Allow) } else { Denial::from_code(text).map(Expect::Deny) };
    if read.is_none() {
        page.fault(
            node.at,
            format!("`{text}` is neither `allow` nor a code of a denial"),
            "write `allow`, or a code like `policy-denied`",
        );
    }
    read
}

fn only(node: &Node, names: &[&str]) -> Node {
    let mut kept = node.clone();
    if let Value::Map(members) = &mut kept.value {
        members.retain(|(key, _)| names.contains(&key.text.as_str()));
    }
    kept
}

/// Maps are merged; everything else, `body` and `authorization_details` with it, is replaced whole.
fn merged(given: &Node, own: &Node) -> Node {
    let (Value::Map(base), Value::Map(over)) = (&given.value, &own.value) else { return own.clone() };
    let mut all: Vec<(Key, Node)> = base.clone();
    for (key, node) in over {
        match all.iter_mut().find(|(known, _)| known.text == key.text) {
            Some((_, old)) if !matches!(key.text.as_str(), "body" | "authorization_details") => {
                *old = merged(old, node)
            }
            Some((_, old)) => *old = node.clone(),
            None => all.push((key.clone(), node.clone())),
        }
    }
    Node { at: own.at, value: Value::Map(all) }
}
