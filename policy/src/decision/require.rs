//! Checks what a route requires of a lineage and of the facts: one function for each requirement. The judge
//! chooses the order. An unknown fact is a denial.

use std::collections::BTreeMap;

use warrant::{Chain, Denial, Seconds};

use super::facts::{Attestation, ConditionFact, Facts, Issuance};
use crate::documents::require::{Condition, Holder, Require, UseLimit};

impl Require {
    /// Checks the lifetime, depth and uses of a lineage. Uses are checked on the root: the holder of an
    /// unlimited root could mint once-only leaves for ever.
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

    /// Checks that the root is not missing in the issuance record, if the route requires that it is there.
    pub fn check_issued(&self, issuance: Issuance) -> Result<(), Denial> {
        if self.issued && issuance == Issuance::NotRecorded { Err(Denial::NotIssued) } else { Ok(()) }
    }

    /// Checks that the issuance record could be read, if the route requires an entry there. This is a question
    /// of state, so it is asked after all others.
    pub fn check_issuance_is_known(&self, issuance: Issuance) -> Result<(), Denial> {
        if self.issued && issuance == Issuance::Unknown { Err(Denial::StateUnavailable) } else { Ok(()) }
    }

    /// The dimensions that the route names, if each has one of the required values; an unknown dimension has
    /// no value.
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

    /// The conditions that the route names, each with its required value. Every current statement about one
    /// must state this value and be recent, and there must be one.
    pub fn conditions_in(
        &self,
        facts: &[ConditionFact],
        now: Seconds,
    ) -> Result<BTreeMap<String, String>, Denial> {
        let value = |wanted: &Condition| {
            let mut known = facts.iter().filter(|fact| fact.name == wanted.name).peekable();
            known.peek()?;
            known
                .all(|fact| fact.value == wanted.equals && is_fresh(fact.iat, now, wanted.max_age))
                .then(|| (wanted.name.clone(), wanted.equals.clone()))
        };
        self.conditions.iter().map(value).collect::<Option<_>>().ok_or(Denial::ConditionUnmet)
    }
}

/// An age equal to its bound is still fresh.
fn is_fresh(iat: u64, now: Seconds, most: u64) -> bool {
    now.get().saturating_sub(iat) <= most
}

/// The dimensions that the route names, if every link and the route accept the environment of this server.
pub(super) fn in_environment(
    require: &Require,
    chain: &Chain,
    facts: &Facts,
) -> Result<BTreeMap<String, String>, Denial> {
    chain.check_environment(|dimension| facts.environment.get(dimension).map(String::as_str))?;
    require.environment_in(&facts.environment)
}

/// Checks the attestations of the workload, in the order of the denials. `most` is the maximum age if the
/// route names none.
pub(super) fn check_attestations(
    require: &Require,
    chain: &Chain,
    facts: &Facts,
    now: Seconds,
    most: u64,
) -> Result<(), Denial> {
    if require.attestation.is_none() && !chain.is_bound_to_attestation() {
        return Ok(());
    }
    let current = &facts.attestations;
    // Attestations are about the workload in the certificate. A proof alone says who holds the warrant and
    // not which workload asks, so the certificate may belong to somebody else.
    let is_about_the_holder = require.holder != Holder::Proof && facts.identity.is_some();
    if current.is_empty() || !is_about_the_holder {
        return Err(Denial::AttestationMissing);
    }
    // A debugger can make a workload do anything. A statement that says nothing about it does not rule it out.
    if !current.iter().all(|one| one.positive && one.debug == Some(false)) {
        return Err(Denial::AttestationInvalid);
    }
    let most = require.attestation.unwrap_or(most);
    if !current.iter().all(|one| is_fresh(one.iat, now, most)) {
        return Err(Denial::AttestationStale);
    }
    if current.iter().all(|one| admits_measurements(chain, one)) {
        Ok(())
    } else {
        Err(Denial::AttestationMismatch)
    }
}

/// Whether the chain allows every measurement. A statement without one does not show what a chain asks for.
fn admits_measurements(chain: &Chain, one: &Attestation) -> bool {
    let are_there = !one.measurements.is_empty() || !chain.is_bound_to_attestation();
    are_there && one.measurements.iter().all(|measurement| chain.admits_measurement(measurement))
}
