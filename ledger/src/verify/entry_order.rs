//! Checks the content of the entries in their order: times never go back; no forwarded decision comes after a fact that
//! concerns it and that its judge had not read; no allow comes after a revocation of its warrant.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::AuditReport;
use crate::entry::{Decision, DecisionOutcome, Entry, Revocation, RevocationTarget, concerns};
use crate::ledger::RecordedEntry;
use crate::note::VerifyingKey;

/// How many recent facts are checked against decisions that had not read them: as many as the writer remembers.
const FACTS: usize = 1024;

pub(super) struct OrderCheck<'a> {
    log: &'a VerifyingKey,
    time: u64,
    facts: VecDeque<(u64, Arc<Entry>)>,
    revoked: HashMap<(RevocationTarget, String, String), (u64, Option<u64>)>,
}

impl<'a> OrderCheck<'a> {
    pub(super) fn new(log: &'a VerifyingKey) -> Self {
        Self { log, time: 0, facts: VecDeque::new(), revoked: HashMap::new() }
    }

    pub(super) fn check_all(&mut self, records: Vec<RecordedEntry>, report: &mut AuditReport) {
        for record in records {
            let place = format!("entry {}", record.index);
            if record.stamps.time < self.time {
                report.add_fault(&place, "its time is earlier than that of the entry before it");
            }
            self.time = record.stamps.time;
            self.check(&place, record, report);
        }
    }

    fn check(&mut self, place: &str, record: RecordedEntry, report: &mut AuditReport) {
        match &record.entry {
            Entry::Init(init) if record.index == 0 => {
                if init.origin != self.log.name() || init.key != self.log.to_string() {
                    report.add_fault(place, "it names another log or another key");
                }
                return;
            }
            _ if record.index == 0 => report.add_fault(place, "the first entry is not `init/1`"),
            Entry::Init(_) => report.add_fault(place, "`init/1` must be the first entry"),
            Entry::Decision(decision) => return self.check_decision(place, &record, decision, report),
            Entry::Revocation(revocation) => {
                let key = (revocation.what, issuer(revocation), revocation.value.clone());
                self.revoked.insert(key, (record.index, revocation.until));
            }
            Entry::Reinstate(reinstate) => {
                self.revoked
                    .retain(|(what, _, value), _| *what != reinstate.what || *value != reinstate.value);
            }
            Entry::Outcome(outcome) if outcome.index.is_some_and(|index| index >= record.index) => {
                report.add_fault(place, "it is the outcome of a decision that comes after it");
            }
            Entry::Start(_)
            | Entry::Stop(_)
            | Entry::Denials(_)
            | Entry::Issued(_)
            | Entry::Attestation(_)
            | Entry::Condition(_)
            | Entry::Posture(_)
            | Entry::Activation(_)
            | Entry::Outcome(_)
            | Entry::Ungoverned(_)
            | Entry::Gap(_)
            | Entry::Archived(_) => {}
        }
        if record.entry.is_fact() {
            self.facts.push_back((record.index, Arc::new(record.entry)));
            if self.facts.len() > FACTS {
                self.facts.pop_front();
            }
        }
    }

    fn check_decision(
        &self,
        place: &str,
        record: &RecordedEntry,
        decision: &Decision,
        report: &mut AuditReport,
    ) {
        if decision.clock.saturating_mul(1000) > record.stamps.time {
            report.add_fault(place, "its `clock` is later than its `time`");
        }
        if decision.as_of > record.index {
            report.add_fault(place, "its `as_of` names facts that were not recorded yet");
        }
        if !decision.forwards() {
            return;
        }
        let unread = self.facts.iter().rev().take_while(|(index, _)| *index >= decision.as_of);
        if let Some((index, _)) = unread.into_iter().find(|(_, fact)| concerns(fact, decision)) {
            report.add_fault(
                place,
                format!("the request was forwarded, but the judge had not read the fact at index {index}"),
            );
        }
        if decision.outcome == DecisionOutcome::Allowed {
            report.allows = report.allows.saturating_add(1);
            if let Some(index) = self.revocation_of(decision) {
                report.add_fault(
                    place,
                    format!("it was allowed although entry {index} had revoked its warrant"),
                );
            }
        }
    }

    /// The index of a revocation that names a link of this warrant and has not expired.
    fn revocation_of(&self, decision: &Decision) -> Option<u64> {
        if self.revoked.is_empty() {
            return None;
        }
        let root = decision.chain.first()?;
        let mut path = String::new();
        for link in &decision.chain {
            path = if path.is_empty() { link.jti.clone() } else { format!("{path}/{}", link.jti) };
            let lineage = link.txn.clone().unwrap_or_default();
            let names = [
                (RevocationTarget::Path, root.iss.clone(), path.clone()),
                (RevocationTarget::Lineage, root.iss.clone(), lineage),
                (RevocationTarget::Key, String::new(), link.cnf.clone()),
                (RevocationTarget::Subject, String::new(), link.sub.clone()),
            ];
            let in_force = |until: &Option<u64>| until.is_none_or(|until| decision.clock < until);
            let found =
                names.iter().find_map(|name| self.revoked.get(name).filter(|(_, until)| in_force(until)));
            if let Some((index, _)) = found {
                return Some(*index);
            }
        }
        None
    }
}

/// The issuer in a revocation; empty for keys and holders, which are revoked for all issuers.
fn issuer(revocation: &Revocation) -> String {
    match revocation.what {
        RevocationTarget::Path | RevocationTarget::Lineage => revocation.iss.clone(),
        RevocationTarget::Key | RevocationTarget::Subject => String::new(),
    }
}
