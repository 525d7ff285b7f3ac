//! What a route requires, asked of a lineage and of facts: one requirement, one function. The judge decides in which order
//! they are asked. What is unknown is a denial.

use std::collections::BTreeMap;

use warrant::{Chain, Denial};

use super::facts::{Attestation, Attested, Facts};
use crate::documents::require::{Condition, Require, UseLimit};

impl Require {
    /// Lifetime, depth and uses of a lineage. Uses are judged on the root: the holder of an unlimited one would mint once-only
    /// leaves for ever.
    pub fn check_lineage(&self, chain: &Chain) -> Result<(), Denial> {
        if chain.links().any(|link| link.lifetime() > self.max_lifetime) {
            return Err(Denial::LifetimeTooLong);
        }
        if self.max_depth.is_some_and(|most| chain.depth() > usize::from(most)) {
            return Err(Denial::LineageTooDeep);
        }
        match (self.uses, chain.root().use_max()) {
            (UseLimit::Any, _) | (UseLimit::Limited, Some(_)) | (UseLimit::Once, Some(1)) => Ok(()),
            (UseLimit::Limited | UseLimit::Once, _) => Err(Denial::UseTooWide),
        }
    }

    /// The root is in the issuance record, where that is asked for.
    pub fn check_issued(&self, is_recorded: bool) -> Result<(), Denial> {
        if self.issued && !is_recorded { Err(Denial::NotIssued) } else { Ok(()) }
    }

    /// Every dimension that is named has one of its values; a dimension that is unknown has none.
    pub fn environment_in(
        &self,
        facts: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Denial> {
        let value = |(key, values): &(String, Vec<String>)| {
            let fact = facts.get(key).filter(|fact| values.contains(fact))?;
            Some((key.clone(), fact.clone()))
        };
        self.environment.iter().map(value).collect::<Option<_>>().ok_or(Denial::EnvironmentMismatch)
    }

    /// Every condition was attested lately, with the value that is wanted.
    pub fn conditions_in(
        &self,
        facts: &BTreeMap<String, Attested>,
    ) -> Result<BTreeMap<String, String>, Denial> {
        let value = |wanted: &Condition| {
            let fact = facts.get(&wanted.name)?;
            // An age is fresh while at most its bound.
            (fact.value == wanted.equals && fact.age <= wanted.max_age)
                .then(|| (wanted.name.clone(), fact.value.clone()))
        };
        self.conditions.iter().map(value).collect::<Option<_>>().ok_or(Denial::ConditionUnmet)
    }
}

/// The dimensions that the route names, once every link and the route agree with where this server is.
pub(super) fn in_environment(
    require: &Require,
    chain: &Chain,
    facts: &Facts,
) -> Result<BTreeMap<String, String>, Denial> {
    chain.check_environment(|dimension| facts.environment.get(dimension).map(String::as_str))?;
    require.environment_in(&facts.environment)
}

/// Whether the workload is what it must be, in the order in which the closed list asks. `most` is the age that holds
/// where the route names none.
pub(super) fn attested(require: &Require, chain: &Chain, facts: &Facts, most: u64) -> Result<(), Denial> {
    if require.attestation.is_none() && !chain.is_bound_to_attestation() {
        return Ok(());
    }
    let current = &facts.attestations;
    if current.is_empty() || facts.identity.is_none() {
        return Err(Denial::AttestationMissing);
    }
    if !current.iter().all(|one| one.positive) {
        return Err(Denial::AttestationInvalid);
    }
    let most = require.attestation.unwrap_or(most);
    if current.iter().any(|one| one.age > most) {
        return Err(Denial::AttestationStale);
    }
    let admitted = |one: &Attestation| chain.admits_measurement(&one.measurement);
    if current.iter().all(admitted) { Ok(()) } else { Err(Denial::AttestationMismatch) }
}
