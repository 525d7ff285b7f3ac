//! Turns the facts of a case into the members of its entry, and back. What the judge reads is the same on both sides.

use ledger::entry::{
    self, CheckResult, Decision, HaltedScope, RecordedAttestation, RecordedCondition, RecordedRevocation,
    RevocationTarget,
};
use warrant::{Digest, Revocable, RevocationKind};

use crate::facts::kind_of;
use policy::Posture;
use policy::decision::{Attestation, ConditionFact, Facts, HaltedScopes, Identity, Issuance};

pub(super) fn posture(posture: Posture) -> entry::Posture {
    match posture {
        Posture::Normal => entry::Posture::Normal,
        Posture::Restricted => entry::Posture::Restricted,
    }
}

pub(super) fn halted(scopes: HaltedScopes) -> Vec<HaltedScope> {
    let of = |is_halted: bool, scope| is_halted.then_some(scope);
    [of(scopes.route, HaltedScope::Route), of(scopes.issuer, HaltedScope::Issuer)]
        .into_iter()
        .flatten()
        .collect()
}

pub(super) fn revoked(facts: &Facts) -> Vec<RecordedRevocation> {
    let of = |one: &Revocable| RecordedRevocation {
        iss: one.iss().to_owned(),
        value: one.value().to_owned(),
        what: target_of(one.kind()),
    };
    facts.revoked.iter().map(of).collect()
}

pub(super) fn conditions(facts: &Facts) -> Vec<RecordedCondition> {
    let of = |one: &ConditionFact| RecordedCondition {
        exp: one.exp,
        iat: one.iat,
        iss: one.iss.clone(),
        name: one.name.clone(),
        value: one.value.clone(),
    };
    facts.conditions.iter().map(of).collect()
}

pub(super) fn attestation(facts: &Facts) -> Vec<RecordedAttestation> {
    let of = |one: &Attestation| RecordedAttestation {
        debug: one.debug,
        exp: one.exp,
        iat: one.iat,
        iss: one.iss.clone(),
        key: one.key.clone(),
        measurement: one.measurements.iter().filter_map(|text| Digest::parse(text)).collect(),
        positive: one.positive,
        subject: one.subject.clone(),
    };
    facts.attestations.iter().map(of).collect()
}

/// The facts that the judge read; `None` for a posture that the judge never reads: whatever is halted is denied before.
pub(super) fn recalled(decision: &Decision) -> Option<Facts> {
    let posture = match decision.posture {
        entry::Posture::Normal => Posture::Normal,
        entry::Posture::Restricted => Posture::Restricted,
        entry::Posture::Halted => return None,
    };
    Some(Facts {
        identity: decision.identity.clone().map(Identity),
        certificate: decision.certificate.clone(),
        environment: decision.environment.clone(),
        halted: HaltedScopes {
            route: decision.halted.contains(&HaltedScope::Route),
            issuer: decision.halted.contains(&HaltedScope::Issuer),
        },
        revoked: decision.revoked.iter().map(revocable).collect(),
        conditions: decision.conditions.iter().map(condition).collect(),
        attestations: decision.attestation.iter().map(attested).collect(),
        posture,
        issuance: issuance(decision),
    })
}

/// Whether the root was in the record of issued warrants.
pub(super) fn issuance(decision: &Decision) -> Issuance {
    match decision.checks.issued {
        Some(CheckResult::Passed) => Issuance::Recorded,
        Some(CheckResult::Denied(_)) => Issuance::Unknown,
        None => Issuance::NotRecorded,
    }
}

fn revocable(one: &RecordedRevocation) -> Revocable {
    Revocable::new(kind_of(one.what), &one.iss, &one.value)
}

fn condition(one: &RecordedCondition) -> ConditionFact {
    ConditionFact {
        name: one.name.clone(),
        iss: one.iss.clone(),
        value: one.value.clone(),
        iat: one.iat,
        exp: one.exp,
    }
}

fn attested(one: &RecordedAttestation) -> Attestation {
    Attestation {
        iss: one.iss.clone(),
        subject: one.subject.clone(),
        key: one.key.clone(),
        iat: one.iat,
        exp: one.exp,
        positive: one.positive,
        debug: one.debug,
        measurements: one.measurement.iter().map(ToString::to_string).collect(),
    }
}

/// The ledger's word for a kind of revocation.
pub fn target_of(kind: RevocationKind) -> RevocationTarget {
    match kind {
        RevocationKind::Path => RevocationTarget::Path,
        RevocationKind::Key => RevocationTarget::Key,
        RevocationKind::Txn => RevocationTarget::Lineage,
        RevocationKind::Sub => RevocationTarget::Subject,
    }
}
