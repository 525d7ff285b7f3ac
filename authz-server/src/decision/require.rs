//! What a route and a lineage require of the world: the environment, and the workload's attestation. Each asks of the
//! chain and of the route; what is unknown is a denial.

use std::collections::BTreeMap;

use warrant::{Chain, Denial};

use super::facts::{Attestation, Facts};
use crate::policy::Require;

/// The dimensions that the route names, once every link and the route agree with where this server is.
pub(super) fn in_environment(
    require: &Require,
    chain: &Chain,
    facts: &Facts,
) -> Result<BTreeMap<String, String>, Denial> {
    chain.check_environment(|dimension| facts.environment.get(dimension).map(String::as_str))?;
    require.is_in_environment(&facts.environment)
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
