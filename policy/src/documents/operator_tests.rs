//! Reads `kind: OperatorTests`: the tests of `operators.cedar`, case by case.
//!
//! What a case leaves out is chosen so that the call is complete.

use std::path::PathBuf;

use warrant::RevocationKind;

use super::kind::{DocumentKind, open};
use super::mesh::read_all;
use super::operators::{
    OperatorAction, OperatorContext, OperatorPrincipal, OperatorQuery, OperatorResource, Stance,
};
use super::parts::{Broken, Parts, readable};
use super::route_tests::{self, CaseHead};
use super::scalars;
use crate::fault::FileFaults;
use crate::strict::{Form, Node, NodeValue, formed, list, members, string};

#[derive(Debug)]
pub(crate) struct OperatorTestsDoc {
    pub(crate) file: PathBuf,
    pub(crate) cases: Vec<OperatorCase>,
}

#[derive(Debug)]
pub(crate) struct OperatorCase {
    pub(crate) head: CaseHead,
    pub(crate) query: OperatorQuery,
}

const KNOWN: &[&str] = &["caller", "groups", "action", "resource", "kind", "value", "stance", "reason"];

pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<OperatorTestsDoc> {
    let document = open(node, DocumentKind::OperatorTests, faults)?;
    let nothing = Node { at: node.at, value: NodeValue::Map(Vec::new()) };
    let given = document.members.get("given").unwrap_or(&nothing);
    call(given, faults);
    let items = list(document.members.need("cases", faults)?, faults)?;
    let cases = readable(items, |item| case(item, given, faults));
    route_tests::check_names(cases.iter().map(|case| &case.head), faults);
    Some(OperatorTestsDoc { file: faults.file.to_path_buf(), cases })
}

fn case(node: &Node, given: &Node, faults: FileFaults<'_>) -> Option<OperatorCase> {
    let head = route_tests::head(node, KNOWN, faults);
    let own = route_tests::only(node, KNOWN);
    let call = call(&route_tests::merged(given, &own), faults)?;
    for (is_there, key, instead) in [
        (call.principal.is_some(), "caller", "write who calls, here or in `given`"),
        (call.action.is_some(), "action", "write what the caller wants to do, here or in `given`"),
    ] {
        if !is_there && !call.broken.has(key) {
            faults.fault(node.at, format!("the case has no `{key}`"), instead);
        }
    }
    Some(OperatorCase { head: head?, query: call.query()? })
}

/// A call, as far as a test describes it.
struct Call {
    principal: Option<OperatorPrincipal>,
    groups: Vec<String>,
    action: Option<OperatorAction>,
    resource: Option<OperatorResource>,
    context: OperatorContext,
    broken: Broken,
}

fn call(node: &Node, faults: FileFaults<'_>) -> Option<Call> {
    let mut parts = Parts::new(members(node, KNOWN, faults)?, faults);
    let text = |node: &Node| string(node, faults).map(str::to_owned);
    let caller = Form {
        what: "a caller of the API",
        instead: "write a SPIFFE ID, `<iss>|<sub>` of a token, or `local`",
    };
    let resource = Form {
        what: "a resource of the API",
        instead: "write `mesh`, `route:<name>`, `issuer:<iss>` or `environment:<dimension>=<value>`",
    };
    let actions: Vec<_> = OperatorAction::ALL.iter().map(|action| (action.word(), *action)).collect();
    let kinds: Vec<_> = RevocationKind::ALL.iter().map(|kind| (kind.word(), *kind)).collect();
    let stances: Vec<_> = Stance::ALL.iter().map(|stance| (stance.word(), *stance)).collect();
    Some(Call {
        principal: parts.optional("caller", |node| formed(node, caller, faults, OperatorPrincipal::parse)),
        groups: parts.optional("groups", |node| read_all(list(node, faults)?, text)).unwrap_or_default(),
        action: parts.optional("action", |node| scalars::one_of(node, &actions, faults)),
        resource: parts.optional("resource", |node| formed(node, resource, faults, OperatorResource::parse)),
        context: OperatorContext {
            kind: parts.optional("kind", |node| scalars::one_of(node, &kinds, faults)),
            value: parts.optional("value", text),
            stance: parts.optional("stance", |node| scalars::one_of(node, &stances, faults)),
            reason: parts.optional("reason", text),
        },
        broken: parts.broken,
    })
}

impl Call {
    fn query(self) -> Option<OperatorQuery> {
        let action = self.action?;
        let resource = self.resource.unwrap_or(OperatorResource::Mesh);
        Some(OperatorQuery {
            principal: self.principal?,
            groups: self.groups,
            action,
            context: completed(self.context, action, &resource),
            resource,
        })
    }
}

/// The members that calls of this action have; what the test does not name has some value.
fn completed(
    written: OperatorContext,
    action: OperatorAction,
    resource: &OperatorResource,
) -> OperatorContext {
    let some = |text: Option<String>| Some(text.unwrap_or_else(|| "a test".to_owned()));
    let kind = match resource {
        OperatorResource::Issuer(_) => RevocationKind::Path,
        OperatorResource::Mesh | OperatorResource::Environment(_) | OperatorResource::Route(_) => {
            RevocationKind::Key
        }
    };
    match action {
        OperatorAction::Revoke | OperatorAction::Reinstate => OperatorContext {
            kind: written.kind.or(Some(kind)),
            value: some(written.value),
            stance: written.stance,
            reason: some(written.reason),
        },
        OperatorAction::SetPosture => OperatorContext {
            stance: written.stance.or(Some(Stance::Halted)),
            reason: some(written.reason),
            ..written
        },
        OperatorAction::ReadDecisions
        | OperatorAction::ReadLineages
        | OperatorAction::ReadEntries
        | OperatorAction::ReadProxies
        | OperatorAction::ReadFacts => written,
    }
}
