//! The facts in force at each place of the log: the bundle, postures, revocations, attestations and conditions.
//!
//! Memory: one item for each fact that is still in force. A revocation is removed when it has ended. A revocation of a
//! key or holder is also removed by a reinstatement. A negative attestation stays until there is a newer positive one. What an
//! attestor said ends with the activation of a bundle that does not name it.

use std::collections::HashMap;

use super::AuditReport;
use crate::entry::{
    Activation, AttestationStatement, ConditionStatement, Digest, Entry, FactScope, Posture, PostureChange,
    RecordedFact, Reinstate, Revocation, RevocationTarget, RoutesOverBase,
};
use crate::ledger::FORWARD_RECORDED_WITHIN_SECONDS;

/// What a revocation names: the kind, the issuer (empty for keys and holders) and the value.
type Revoked = (RevocationTarget, String, String);

#[derive(Default)]
pub(super) struct FactsInForce {
    pub(super) active: Option<Active>,
    pub(super) postures: HashMap<(FactScope, String), (u64, Posture)>,
    pub(super) revoked: HashMap<Revoked, InForce>,
    /// By the workload.
    pub(super) attestations: HashMap<String, Vec<(u64, AttestationStatement)>>,
    /// By the name of the condition.
    pub(super) conditions: HashMap<String, Vec<(u64, ConditionStatement)>>,
    /// The number of facts at which the facts that have ended are removed.
    sweep_at: usize,
}

pub(super) struct Active {
    pub(super) index: u64,
    pub(super) bundle: Digest,
    pub(super) version: u64,
    pub(super) routes: Option<RoutesOverBase>,
    pub(super) expires: u64,
}

impl Active {
    /// Whether the version of this activation is above this one. Over one base it is that of the routes.
    fn may_be_followed_by(&self, next: &Activation) -> bool {
        match (&self.routes, &next.routes) {
            (Some(old), Some(new)) if old.base == new.base => {
                next.version == self.version && new.version > old.version
            }
            _ => next.version > self.version,
        }
    }
}

/// A revocation in force: its index, and when it ends.
#[derive(Clone, Copy)]
pub(super) struct InForce {
    pub(super) index: u64,
    pub(super) until: Option<u64>,
}

impl InForce {
    /// Whether this one ends later than the other. Without an end it never ends.
    fn outlasts(self, other: InForce) -> bool {
        match (self.until, other.until) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(own), Some(others)) => own > others,
        }
    }
}

impl FactsInForce {
    /// Takes an entry at this index and time, in seconds. Only facts change anything.
    pub(super) fn add(&mut self, index: u64, now: u64, entry: &Entry, report: &mut AuditReport) {
        self.check_bundle_of(index, entry, report);
        let Some(fact) = entry.as_recorded_fact() else { return };
        match fact {
            RecordedFact::Activation(activation) => self.activate(index, activation, report),
            RecordedFact::Posture(posture) => self.change_posture(index, posture, report),
            RecordedFact::Revocation(revocation) => self.revoke(index, revocation),
            RecordedFact::Reinstate(reinstate) => self.reinstate(index, now, reinstate, report),
            RecordedFact::Attestation(statement) => self.attest(index, statement),
            RecordedFact::Condition(statement) => self.state(index, statement),
            RecordedFact::Issued(_) => return,
        }
        self.sweep(now);
    }

    fn activate(&mut self, index: u64, activation: &Activation, report: &mut AuditReport) {
        let before = self.active.as_ref();
        if activation.previous != before.map(|active| active.bundle) {
            report.add_entry_fault(index, "its `previous` is not the bundle that was active before it");
        }
        if before.is_some_and(|active| !active.may_be_followed_by(activation)) {
            report.add_entry_fault(index, "its version is not above the one that was active before it");
        }
        let may_speak = |iss: &String| activation.attestors.contains(iss);
        for known in self.attestations.values_mut() {
            known.retain(|(_, statement)| may_speak(&statement.iss));
        }
        for known in self.conditions.values_mut() {
            known.retain(|(_, statement)| may_speak(&statement.iss));
        }
        let Activation { bundle, version, routes, expires, .. } = activation.clone();
        self.active = Some(Active { index, bundle, version, routes, expires });
    }

    /// A revocation that ends earlier must not replace one that ends later.
    fn revoke(&mut self, index: u64, revocation: &Revocation) {
        let new = InForce { index, until: revocation.until };
        let named = (revocation.what, revocation.iss.clone(), revocation.value.clone());
        let current = self.revoked.entry(named).or_insert(new);
        if new.outlasts(*current) {
            *current = new;
        }
    }

    /// A reinstatement names the revocation that it ends, which must be in force.
    fn reinstate(&mut self, index: u64, now: u64, reinstate: &Reinstate, report: &mut AuditReport) {
        let named = (reinstate.what, reinstate.iss.clone(), reinstate.value.clone());
        let is_over = |until: u64| until <= now;
        let found = self.revoked.get(&named).filter(|revoked| !revoked.until.is_some_and(is_over));
        if found.map(|revoked| revoked.index) != Some(reinstate.revocation) {
            let what = format!(
                "it names entry {}, which is not a revocation in force of its kind and value",
                reinstate.revocation
            );
            report.add_entry_fault(index, what);
        }
        match reinstate.what {
            RevocationTarget::Key | RevocationTarget::Subject => drop(self.revoked.remove(&named)),
            // A revoked path or lineage stays revoked; the entry is a fault by itself.
            RevocationTarget::Path | RevocationTarget::Lineage => {}
        }
    }

    /// A posture that loosens names the entry that it ends, so that a delayed `normal` cannot end a newer halt. An entry
    /// that was recorded again after a restore names an index of the log before it, or none.
    fn change_posture(&mut self, index: u64, posture: &PostureChange, report: &mut AuditReport) {
        let before = self.postures.insert((posture.scope, posture.subject.clone()), (index, posture.stance));
        let newest = before.map(|(newest, _)| newest);
        let is_looser = before.is_some_and(|(_, stance)| posture.stance < stance);
        let is_wrong = posture.replaces.is_some() && posture.was.is_none();
        if posture.replaces != newest && (is_looser || is_wrong) {
            let newest = newest.map_or_else(|| "none".to_owned(), |newest| newest.to_string());
            let what = format!(
                "its `replaces` is not the newest posture of its scope and subject, which is {newest}"
            );
            report.add_entry_fault(index, what);
        }
    }

    /// A fact is recorded only while the bundle is active under which it was permitted or verified.
    fn check_bundle_of(&self, index: u64, entry: &Entry, report: &mut AuditReport) {
        let Some(bundle) = entry.as_recorded_fact().and_then(RecordedFact::bundle) else { return };
        let active = self.active.as_ref().map(|active| active.bundle);
        if entry.was().is_none() && Some(bundle) != active {
            report.add_entry_fault(index, "its `bundle` was not the active one");
        }
    }

    /// The newest statement counts, for each attestor, workload and key. At the same time a negative one wins.
    fn attest(&mut self, index: u64, statement: &AttestationStatement) {
        let known = self.attestations.entry(statement.subject.clone()).or_default();
        let same = |(_, other): &&mut (u64, AttestationStatement)| {
            (&other.iss, &other.key) == (&statement.iss, &statement.key)
        };
        match known.iter_mut().find(same) {
            None => known.push((index, statement.clone())),
            Some(current) if (statement.iat, !statement.positive) >= (current.1.iat, !current.1.positive) => {
                *current = (index, statement.clone());
            }
            Some(_) => {}
        }
    }

    fn state(&mut self, index: u64, statement: &ConditionStatement) {
        let known = self.conditions.entry(statement.name.clone()).or_default();
        let same = |(_, other): &&mut (u64, ConditionStatement)| {
            (&other.iss, other.scope, &other.subject) == (&statement.iss, statement.scope, &statement.subject)
        };
        match known.iter_mut().find(same) {
            None => known.push((index, statement.clone())),
            Some(current) if statement.iat >= current.1.iat => *current = (index, statement.clone()),
            Some(_) => {}
        }
    }

    /// Removes the facts that have ended, whenever the number of facts has doubled since the last time.
    fn sweep(&mut self, now: u64) {
        if self.revoked.len().saturating_add(self.attestations.len()) < self.sweep_at {
            return;
        }
        let is_over = |until: u64| until.saturating_add(FORWARD_RECORDED_WITHIN_SECONDS) < now;
        self.revoked.retain(|_, revoked| !revoked.until.is_some_and(is_over));
        for known in self.attestations.values_mut() {
            known.retain(|(_, statement)| !statement.positive || !is_over(statement.exp));
        }
        self.attestations.retain(|_, known| !known.is_empty());
        let left = self.revoked.len().saturating_add(self.attestations.len());
        self.sweep_at = left.saturating_mul(2).max(1024);
    }
}
