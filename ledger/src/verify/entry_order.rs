//! Checks the entries in their order: times never go back; the facts in force, the uses and the outcomes before each entry
//! agree with it; no forwarded decision comes after a fact that concerns it and that its judge had not read.
//!
//! Memory: what `facts_in_force`, `uses`, `terms` and `decisions` hold, and the facts of the last minute.

use std::sync::Arc;

use super::AuditReport;
use super::decisions::Decisions;
use super::facts_in_force::FactsInForce;
use super::terms::SaidTerms;
use super::uses::Uses;
use crate::entry::{Decision, Entry, Init, Restored};
use crate::fault::ReadError;
use crate::ledger::{RecentFacts, RecordedEntry, Unread};
use crate::note::VerifyingKey;
use crate::tree::MerkleTree;

pub(super) struct OrderCheck<'a> {
    log: &'a VerifyingKey,
    time: u64,
    recent: RecentFacts,
    facts: FactsInForce,
    uses: Uses,
    terms: SaidTerms,
    decisions: Decisions,
    /// How many facts were recorded again after a restore; `None` in a log that was not restored.
    restored: Option<u64>,
}

impl<'a> OrderCheck<'a> {
    pub(super) fn new(log: &'a VerifyingKey) -> Self {
        Self {
            log,
            time: 0,
            recent: RecentFacts::of_audit(),
            facts: FactsInForce::default(),
            uses: Uses::default(),
            terms: SaidTerms::default(),
            decisions: Decisions::default(),
            restored: None,
        }
    }

    pub(super) fn check_all(&mut self, records: Vec<RecordedEntry>, report: &mut AuditReport) {
        for record in records {
            if record.stamps.time < self.time {
                report.add_entry_fault(record.index, "its time is earlier than that of the entry before it");
            }
            self.time = record.stamps.time;
            self.check(record, report);
        }
    }

    /// Reports what only shows when all entries were seen.
    pub(super) fn finish(&self, tree: &MerkleTree<'_>, report: &mut AuditReport) -> Result<(), ReadError> {
        self.decisions.report_repeated_ids(tree, report)
    }

    fn check(&mut self, record: RecordedEntry, report: &mut AuditReport) {
        let index = record.index;
        match &record.entry {
            Entry::Init(init) => self.check_init(index, init, report),
            _ if index == 0 => report.add_entry_fault(index, "the first entry is not `init/1`"),
            Entry::Decision(decision) => self.check_decision(&record, decision, report),
            Entry::Outcome(outcome) => self.decisions.end(index, outcome, report),
            Entry::Revocation(_)
            | Entry::Reinstate(_)
            | Entry::Attestation(_)
            | Entry::Condition(_)
            | Entry::Posture(_)
            | Entry::Activation(_) => {
                self.count_restored(index, &record.entry, report);
                self.facts.add(index, record.stamps.time / 1000, &record.entry, report);
                self.recent.forget_before(self.time);
                self.recent.add(index, self.time, Arc::new(record.entry));
            }
            Entry::Restored(restored) => self.check_restored(index, restored, report),
            Entry::Start(_)
            | Entry::Stop(_)
            | Entry::Denials(_)
            | Entry::Issued(_)
            | Entry::Ungoverned(_)
            | Entry::Gap(_)
            | Entry::Archived(_)
            | Entry::Reads(_) => {}
        }
    }

    fn check_init(&mut self, index: u64, init: &Init, report: &mut AuditReport) {
        if index > 0 {
            report.add_entry_fault(index, "`init/1` must be the first entry");
        } else if init.origin != self.log.name() || init.key != self.log.to_string() {
            report.add_entry_fault(index, "it names another log or another key");
        } else {
            self.restored = init.restored.as_ref().map(|_| 0);
        }
    }

    fn count_restored(&mut self, index: u64, fact: &Entry, report: &mut AuditReport) {
        if fact.was().is_none() {
            return;
        }
        match &mut self.restored {
            Some(count) => *count = count.saturating_add(1),
            None => {
                report.add_entry_fault(index, "it has a place in a log before this one, but there is none")
            }
        }
    }

    fn check_restored(&self, index: u64, restored: &Restored, report: &mut AuditReport) {
        if self.restored != Some(restored.facts) {
            let counted = self.restored.unwrap_or(0);
            let what = format!(
                "it counts {} facts of the log before, but {counted} are recorded again",
                restored.facts
            );
            report.add_entry_fault(index, what);
        }
    }

    fn check_decision(&mut self, record: &RecordedEntry, decision: &Decision, report: &mut AuditReport) {
        let index = record.index;
        self.decisions.add(index, decision);
        self.terms.add(index, decision, report);
        if decision.as_of > index {
            report.add_entry_fault(index, "its `as_of` names facts that were not recorded yet");
        }
        let now = record.stamps.time / 1000;
        for burn in decision.burns() {
            if !self.uses.add(&burn, now) {
                let (what, name) = (burn.what.word(), &burn.name);
                report.add_entry_fault(
                    index,
                    format!("it exceeds a limit: the {what} of {name} was burned before"),
                );
            }
        }
        if decision.forwards() {
            self.check_unread(index, decision, report);
            self.facts.check_forward(index, decision, report);
        }
    }

    fn check_unread(&self, index: u64, decision: &Decision, report: &mut AuditReport) {
        let what = match self.recent.unread(decision) {
            None => return,
            Some(Unread::Fact(fact)) => format!("its judge had not read the fact at index {fact}"),
            Some(Unread::Forgotten) => "its judge had read no facts of the last minute".to_owned(),
        };
        report.add_entry_fault(index, format!("the request was forwarded, but {what}"));
    }
}
