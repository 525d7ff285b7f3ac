//! Compiles `operators.cedar`: bounds, validation, and names that exist.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{PolicySet, Validator};

use super::decide::OperatorSlice;
use crate::documents::route::PolicyText;
use crate::engine::check::{Findings, TextOf, check_rules};
use crate::engine::compile::named;
use crate::engine::names::Type;
use crate::engine::policies::{self, Written};
use crate::engine::{est, message, stack};
use crate::fault::Place;

/// What the policies may name, as far as the documents are known.
#[derive(Clone, Debug)]
pub(crate) struct OperatorNames<'a> {
    /// The audience of the mesh.
    pub(crate) mesh: Option<&'a str>,
    pub(crate) issuers: Option<Vec<&'a str>>,
    pub(crate) groups: Option<Vec<&'a str>>,
    pub(crate) teams: Option<Vec<&'a str>>,
    /// Every route, governed or not, with its team.
    pub(crate) routes: Vec<(&'a str, &'a str)>,
    /// The names of routes whose documents could not be read.
    pub(crate) unread_routes: Vec<&'a str>,
}

/// Compiles the text. No slice if there is a fault; `None` if a thread could not be started, or panicked.
pub(crate) fn compile_operators(
    text: Option<&PolicyText>,
    names: &OperatorNames<'_>,
) -> Option<(Option<OperatorSlice>, Findings)> {
    stack::on_a_deep_stack(|| {
        let mut findings = Findings::default();
        let slice = text.and_then(|text| slice(text, names, &mut findings));
        (slice.filter(|_| findings.has_no_faults()), findings)
    })
}

fn slice(text: &PolicyText, names: &OperatorNames<'_>, findings: &mut Findings) -> Option<OperatorSlice> {
    let parsed = policies::parse(text, "operators", &[], findings)?;
    let schema = names.schema().map_err(|why| internal(text.at, why, findings)).ok()?;
    parsed.validate(&Validator::new(schema.clone()), &names.known(), findings);
    check_rules(&parsed.written, TextOf::Operators, findings);
    for policy in &parsed.written {
        check_names(policy, names, findings);
    }
    let named_as = |kind| parsed.written.iter().flat_map(|policy| est::named(&policy.est, kind)).collect();
    let of_each_kind = of_each_kind(&names.routes, &named_as(Type::Route), &named_as(Type::Team));
    let (mut all, mut advice) = (Vec::new(), BTreeMap::new());
    for policy in parsed.written {
        all.extend(named(&policy.id, policy.est, policy.at, findings));
        advice.insert(policy.id, policy.advice);
    }
    let policies =
        PolicySet::from_policies(all).map_err(|error| internal(text.at, error.to_string(), findings)).ok()?;
    let owned = |(name, team): &(&str, &str)| ((*name).to_owned(), (*team).to_owned());
    Some(OperatorSlice {
        policies,
        advice,
        schema,
        json: names.to_json(),
        mesh: names.mesh?.to_owned(),
        teams: names.routes.iter().map(owned).collect(),
        of_each_kind,
    })
}

/// Routes, one of each kind that the policies can tell apart. They know a route by its name and its team, and compare both only
/// with names that are written in them.
fn of_each_kind(
    routes: &[(&str, &str)],
    named_routes: &BTreeSet<String>,
    named_teams: &BTreeSet<String>,
) -> Vec<String> {
    let kind = |(route, team): &(&str, &str)| {
        let route = named_routes.get(*route);
        // A route that is named is a kind of its own.
        (route.cloned(), named_teams.get(*team).filter(|_| route.is_none()).cloned())
    };
    let kinds: BTreeMap<_, _> = routes.iter().map(|route| (kind(route), route.0.to_owned())).collect();
    kinds.into_values().collect()
}

fn internal(at: Place, why: String, findings: &mut Findings) {
    findings.fault(at, why, "give each policy its own `@id`, and rename what Cedar does not accept");
}

/// Cedar does not know which routes, issuers and groups there are: a misspelt one would never match.
fn check_names(policy: &Written, names: &OperatorNames<'_>, findings: &mut Findings) {
    let known = names.known();
    let is_known = |kind: Type, id: &str| known.members(kind).any(|name| name == id);
    let listed =
        [(Type::Route, true), (Type::Issuer, names.issuers.is_some()), (Type::Group, names.groups.is_some())];
    for (kind, _) in listed.into_iter().filter(|(_, is_listed)| *is_listed) {
        for id in est::named(&policy.est, kind) {
            // The name of a group that comes with a token contains its issuer.
            let comes_with_a_token = kind == Type::Group && id.contains('|');
            if !comes_with_a_token && !is_known(kind, &id) {
                findings.fault_once(policy.at, message::unknown(kind, &id, &known));
            }
        }
    }
}
