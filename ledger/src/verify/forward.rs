//! Checks a forwarded decision against the facts in force before it.
//!
//! A judge may have read fewer facts than are recorded before its decision. Facts that it had not read and that concern it
//! are a fault already (`entry_order`), so here all facts before the decision count.

use super::AuditReport;
use super::facts_in_force::FactsInForce;
use crate::entry::{
    AttestationStatement, ConditionStatement, Decision, DecisionOutcome, FactScope, Posture,
    RecordedAttestation, RevocationTarget,
};

impl FactsInForce {
    /// Checks a forwarded decision against everything that is in force.
    pub(super) fn check_forward(&self, index: u64, decision: &Decision, report: &mut AuditReport) {
        self.check_bundle(index, decision, report);
        self.check_posture(index, decision, report);
        if decision.outcome != DecisionOutcome::Allowed {
            return;
        }
        report.allows = report.allows.saturating_add(1);
        if let Some(by) = self.revocation_of(decision) {
            report.add_entry_fault(
                index,
                format!("it was allowed although entry {by} had revoked its warrant"),
            );
        }
        self.check_attestations(index, decision, report);
        self.check_conditions(index, decision, report);
    }

    fn check_bundle(&self, index: u64, decision: &Decision, report: &mut AuditReport) {
        // A forward without a bundle is a fault by itself.
        let Some(bundle) = &decision.bundle else { return };
        let outcome = decision.outcome;
        match &self.active {
            None => {
                report.add_entry_fault(
                    index,
                    format!("it is `{outcome}`, but no bundle was activated before it"),
                );
            }
            Some(active) if (active.bundle, active.version) != (bundle.digest, bundle.version) => {
                report.add_entry_fault(
                    index,
                    format!(
                        "it is `{outcome}` by another bundle than the one that entry {} activated",
                        active.index
                    ),
                );
            }
            Some(active) if decision.clock >= active.expires => {
                report.add_entry_fault(
                    index,
                    format!("it is `{outcome}` by a bundle that had expired at {}", active.expires),
                );
            }
            Some(_) => {}
        }
    }

    fn check_posture(&self, index: u64, decision: &Decision, report: &mut AuditReport) {
        let strictest = self.postures.iter().filter(|(place, _)| applies(place, decision));
        let Some((by, stance)) = strictest.map(|(_, set)| *set).max_by_key(|(_, stance)| *stance) else {
            return;
        };
        let outcome = decision.outcome;
        if stance == Posture::Halted {
            report.add_entry_fault(index, format!("it is `{outcome}` although entry {by} had halted it"));
        } else if decision.posture < stance {
            report.add_entry_fault(
                index,
                format!(
                    "its posture is `{}`, but entry {by} had set `{}`",
                    decision.posture.word(),
                    stance.word()
                ),
            );
        }
    }

    /// The index of a revocation that names a link of this warrant and has not ended.
    fn revocation_of(&self, decision: &Decision) -> Option<u64> {
        if self.revoked.is_empty() {
            return None;
        }
        let root = decision.chain.first().and_then(|root| root.iss.as_deref())?;
        let in_force = |what: RevocationTarget, iss: &str, value: &str| {
            let found = self.revoked.get(&(what, iss.to_owned(), value.to_owned()))?;
            found.until.is_none_or(|until| decision.clock < until).then_some(found.index)
        };
        let mut path = String::new();
        for link in decision.chain.iter() {
            path = if path.is_empty() { link.jti.clone() } else { format!("{path}/{}", link.jti) };
            let found = in_force(RevocationTarget::Path, root, &path)
                .or_else(|| in_force(RevocationTarget::Lineage, root, link.txn.as_deref()?))
                .or_else(|| in_force(RevocationTarget::Key, "", &link.cnf))
                .or_else(|| in_force(RevocationTarget::Key, "", link.key.as_deref()?))
                .or_else(|| in_force(RevocationTarget::Subject, "", &link.sub));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// What the judge read about the workload must be what the log says. Whether the route asked for an attestation is
    /// known only with the bundle; so a negative statement is a fault here if the warrant is bound to an attestation, or
    /// if the judge read other statements about the workload.
    fn check_attestations(&self, index: u64, decision: &Decision, report: &mut AuditReport) {
        for read in &decision.attestation {
            let known = self.attestations.get(&read.subject).into_iter().flatten();
            let is_read = |(at, statement): &(u64, AttestationStatement)| {
                is_recorded(read, statement)
                    && ((read.iat, read.exp) == (statement.iat, statement.exp) || *at >= decision.as_of)
            };
            if !known.into_iter().any(is_read) {
                report.add_entry_fault(
                    index,
                    format!(
                        "it was allowed by an attestation of {} by {} that is not the newest in the log",
                        read.subject, read.iss
                    ),
                );
            }
        }
        let is_bound = decision.chain.iter().any(|link| link.att.is_some());
        if !is_bound && decision.attestation.is_empty() {
            return;
        }
        let Some(workload) = &decision.identity else { return };
        for (by, statement) in self.attestations.get(workload).into_iter().flatten() {
            // A statement about another key may be about another workload of this name.
            let is_about_it =
                statement.key.as_ref().is_none_or(|key| decision.certificate.as_ref() == Some(key));
            if statement.positive || !is_about_it {
                continue;
            }
            let is_read = decision.attestation.iter().any(|read| !read.positive && read.iss == statement.iss);
            if is_bound || !is_read {
                report.add_entry_fault(
                    index,
                    format!("it was allowed although entry {by} is a negative attestation of its workload"),
                );
            }
        }
    }

    /// A condition that the judge relied on must be the newest statement about it, and still be valid.
    fn check_conditions(&self, index: u64, decision: &Decision, report: &mut AuditReport) {
        for read in &decision.conditions {
            let known = self.conditions.get(&read.name).into_iter().flatten();
            let mut known = known.filter(|(_, statement)| {
                is_here(statement.scope, &statement.subject, decision) && decision.clock < statement.exp
            });
            let is_read = |(at, statement): &(u64, ConditionStatement)| {
                (&read.iss, &read.value) == (&statement.iss, &statement.value)
                    && ((read.iat, read.exp) == (statement.iat, statement.exp) || *at >= decision.as_of)
            };
            if !known.any(is_read) {
                report.add_entry_fault(
                    index,
                    format!(
                        "it was allowed by the condition `{}` with a value that is not the newest in the log",
                        read.name
                    ),
                );
            }
        }
    }
}

/// Whether this statement says what the judge had read. A newer one that says the same may have come after its `as_of`, so
/// the times are compared elsewhere.
fn is_recorded(read: &RecordedAttestation, statement: &AttestationStatement) -> bool {
    (&read.iss, &read.key, read.positive, read.debug)
        == (&statement.iss, &statement.key, statement.positive, statement.debug)
        && read.measurement == statement.measurement
}

/// Whether a posture at this place applies to the decision.
fn applies((scope, subject): &(FactScope, String), decision: &Decision) -> bool {
    match scope {
        FactScope::Mesh | FactScope::Environment => is_here(*scope, subject, decision),
        FactScope::Route => decision.verdict.route.as_ref() == Some(subject),
        FactScope::Issuer => decision.chain.first().is_some_and(|root| root.iss.as_ref() == Some(subject)),
    }
}

/// Whether the mesh, or this environment (`dimension=value`), is where the decision was taken.
fn is_here(scope: FactScope, subject: &str, decision: &Decision) -> bool {
    match scope {
        FactScope::Mesh => true,
        FactScope::Environment => subject.split_once('=').is_some_and(|(dimension, value)| {
            decision.environment.get(dimension).is_some_and(|own| own == value)
        }),
        FactScope::Route | FactScope::Issuer => false,
    }
}
