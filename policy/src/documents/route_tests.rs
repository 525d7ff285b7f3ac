//! Reads `kind: RouteTests`: the tests of a route, case by case.

use std::path::PathBuf;

use warrant::Denial;

use super::kind::{DocumentKind, open};
use super::parts::{Parts, readable};
use super::situation::{self, Situation};
use crate::fault::{FileFaults, Place, Placed};
use crate::strict::canonical;
use crate::strict::{Form, MapKey, Node, NodeValue, formed, list, members, string};

#[derive(Debug)]
pub(crate) struct TestsDoc {
    pub(crate) file: PathBuf,
    pub(crate) name: Placed<String>,
    pub(crate) cases: Vec<TestCase>,
}

#[derive(Debug)]
pub(crate) struct TestCase {
    pub(crate) head: CaseHead,
    pub(crate) situation: Situation,
}

/// What every case says: its name, and what is expected.
#[derive(Debug)]
pub(crate) struct CaseHead {
    pub(crate) at: Place,
    pub(crate) name: String,
    pub(crate) expect: ExpectedResult,
    /// The policy that must decide.
    pub(crate) because: Option<Placed<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpectedResult {
    Allow,
    Deny(Denial),
}

impl ExpectedResult {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny(denial) => denial.code(),
        }
    }
}

/// The body of a request is JSON: in these documents `null` is null and `-5` is an integer.
pub(crate) fn with_json_values(node: &Node) -> Node {
    let value = match &node.value {
        NodeValue::Doubtful(text) if text == "null" => NodeValue::Null,
        NodeValue::Doubtful(text) if canonical::is_integer(text) => {
            text.parse().map_or_else(|_| node.value.clone(), NodeValue::Integer)
        }
        NodeValue::List(items) => NodeValue::List(items.iter().map(with_json_values).collect()),
        NodeValue::Map(members) => {
            NodeValue::Map(members.iter().map(|(key, node)| (key.clone(), with_json_values(node))).collect())
        }
        other @ (NodeValue::Null
        | NodeValue::Bool(_)
        | NodeValue::Integer(_)
        | NodeValue::Text(..)
        | NodeValue::Doubtful(_)) => other.clone(),
    };
    Node { at: node.at, value }
}

pub(crate) fn read(node: &Node, stem: &str, faults: FileFaults<'_>) -> Option<TestsDoc> {
    let document = open(node, DocumentKind::RouteTests, faults)?;
    let name = document.name(stem, "the tests are of", faults);
    let nothing = Node { at: node.at, value: NodeValue::Map(Vec::new()) };
    let given = document.members.get("given").unwrap_or(&nothing);
    situation::read(given, faults);
    let items = list(document.members.need("cases", faults)?, faults)?;
    let cases = readable(items, |item| case(item, given, faults));
    check_names(cases.iter().map(|case| &case.head), faults);
    Some(TestsDoc { file: faults.file.to_path_buf(), name, cases })
}

pub(super) fn check_names<'a>(cases: impl Iterator<Item = &'a CaseHead> + Clone, faults: FileFaults<'_>) {
    for (position, case) in cases.clone().enumerate() {
        if cases.clone().take(position).any(|earlier| earlier.name == case.name) {
            faults.fault(
                case.at,
                format!("a second case is called `{}`", case.name),
                "give each its own name",
            );
        }
    }
}

fn case(node: &Node, given: &Node, faults: FileFaults<'_>) -> Option<TestCase> {
    let head = head(node, situation::KNOWN, faults);
    let own = only(node, situation::KNOWN);
    let situation = situation::read(&merged(given, &own), faults);
    Some(TestCase { head: head?, situation: situation? })
}

/// Reads what every case says; `known` are the other keys of a case.
pub(super) fn head(node: &Node, known: &[&str], faults: FileFaults<'_>) -> Option<CaseHead> {
    let known = [&["name", "expect", "because"][..], known].concat();
    let mut parts = Parts::new(members(node, &known, faults)?, faults);
    let name = parts.needed("name", |node| string(node, faults));
    let expect = parts.needed("expect", |node| expect(node, faults));
    let because =
        parts.optional("because", |node| Some(Placed::new(node.at, string(node, faults)?.to_owned())));
    Some(CaseHead { at: node.at, name: name?.to_owned(), expect: expect?, because })
}

fn expect(node: &Node, faults: FileFaults<'_>) -> Option<ExpectedResult> {
    let form = Form {
        what: "`allow` or the code of a denial",
        instead: "write `allow`, or a code like `policy-denied`: docs/denials.md lists them",
    };
    formed(node, form, faults, |text| match text {
        "allow" => Some(ExpectedResult::Allow),
        code => Denial::from_code(code).map(ExpectedResult::Deny),
    })
}

pub(super) fn only(node: &Node, names: &[&str]) -> Node {
    let mut kept = node.clone();
    if let NodeValue::Map(members) = &mut kept.value {
        members.retain(|(key, _)| names.contains(&key.text.as_str()));
    }
    kept
}

/// Merges maps. Everything else is replaced completely, and so are `body` and `authorization_details`.
pub(super) fn merged(given: &Node, own: &Node) -> Node {
    let (NodeValue::Map(base), NodeValue::Map(over)) = (&given.value, &own.value) else { return own.clone() };
    let mut all: Vec<(MapKey, Node)> = base.clone();
    for (key, node) in over {
        match all.iter_mut().find(|(known, _)| known.text == key.text) {
            Some((_, old)) if !matches!(key.text.as_str(), "body" | "authorization_details") => {
                *old = merged(old, node)
            }
            Some((_, old)) => *old = node.clone(),
            None => all.push((key.clone(), node.clone())),
        }
    }
    Node { at: own.at, value: NodeValue::Map(all) }
}
