//! Compiles `issuance.cedar`: bounds, validation, grants that exist, and limits that are all there.

use std::collections::BTreeMap;

use cedar_policy::{Effect, PolicySet, Validator};

use super::decide::{IssuanceSlice, Permit};
use super::limits::{ANNOTATIONS, GRANT};
use crate::documents::issuance::{GrantLimits, HolderKeyOrigin};
use crate::documents::route::PolicyText;
use crate::engine::check::{Findings, TextOf, check_rules};
use crate::engine::compile::named;
use crate::engine::policies::{self, Written};
use crate::engine::{est, stack};
use crate::fault::Place;
use crate::strict::nearest;

/// What the policies may name, as far as the documents are known.
#[derive(Clone, Debug)]
pub(crate) struct IssuanceNames<'a> {
    /// The audience of the mesh.
    pub(crate) mesh: Option<&'a str>,
    /// The longest lifetime of a warrant in this mesh, in seconds.
    pub(crate) max_lifetime: Option<u64>,
    pub(crate) grants: Option<Vec<&'a str>>,
    pub(crate) groups: Option<Vec<&'a str>>,
}

/// Compiles the text. No slice if there is a fault; `None` if a thread could not be started, or panicked.
pub(crate) fn compile_issuance(
    text: Option<&PolicyText>,
    names: &IssuanceNames<'_>,
) -> Option<(Option<IssuanceSlice>, Findings)> {
    stack::on_a_deep_stack(|| {
        let mut findings = Findings::default();
        let slice = text.and_then(|text| slice(text, names, &mut findings));
        (slice.filter(|_| findings.has_no_faults()), findings)
    })
}

fn slice(text: &PolicyText, names: &IssuanceNames<'_>, findings: &mut Findings) -> Option<IssuanceSlice> {
    let parsed = policies::parse(text, "issuance", ANNOTATIONS, findings)?;
    let schema = names.schema().map_err(|why| internal(text.at, why, findings)).ok()?;
    parsed.validate(&Validator::new(schema.clone()), &names.known(), findings);
    check_rules(&parsed.written, TextOf::Issuance, findings);
    let (mut all, mut advice, mut permits) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for policy in parsed.written {
        if let Some(permit) = permit(&policy, names, findings) {
            permits.insert(policy.id.clone(), permit);
        }
        all.extend(named(&policy.id, policy.est, policy.at, findings));
        advice.insert(policy.id, policy.advice);
    }
    let policies =
        PolicySet::from_policies(all).map_err(|error| internal(text.at, error.to_string(), findings)).ok()?;
    Some(IssuanceSlice {
        policies,
        advice,
        permits,
        schema,
        json: names.to_json(),
        mesh: names.mesh?.to_owned(),
    })
}

fn internal(at: Place, why: String, findings: &mut Findings) {
    findings.fault(at, why, "give each policy its own `@id`, and rename what Cedar does not accept");
}

/// The grant and the limits of a permit. A forbid has none: it forbids whatever is asked for.
fn permit(policy: &Written, names: &IssuanceNames<'_>, findings: &mut Findings) -> Option<Permit> {
    if policy.effect == Effect::Forbid {
        for name in policy.annotations.keys() {
            findings.fault(
                policy.at,
                format!("a forbid with `@{name}`"),
                "leave it out: a forbid is for every grant",
            );
        }
        return None;
    }
    let limits = GrantLimits::read(&policy.annotations, names.max_lifetime);
    for fault in limits.as_ref().err().into_iter().flatten() {
        findings.fault(policy.at, fault.what.clone(), fault.instead);
    }
    let grant = grant(policy, names, findings)?;
    Some(Permit {
        grant,
        limits: limits.ok()?,
        names_other_keys: est::compares_path(&policy.est, &["cnf"], &HolderKeyOrigin::Other.word().into()),
        names_may_act: est::denies_path(&policy.est, &["starter", "may_act"]),
    })
}

fn grant(policy: &Written, names: &IssuanceNames<'_>, findings: &mut Findings) -> Option<String> {
    let Some(grant) = policy.annotations.get(GRANT) else {
        findings.fault(
            policy.at,
            "a permit without `@grant`",
            "name a grant of mesh.yaml, like `@grant(\"payments-small\")`",
        );
        return None;
    };
    if let Some(known) = &names.grants
        && !known.contains(&grant.as_str())
    {
        let instead = nearest(grant, known).map_or_else(
            || "define it under `grants` in mesh.yaml".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        findings.fault(policy.at, format!("the grant `{grant}` is not defined"), instead);
        return None;
    }
    Some(grant.clone())
}
