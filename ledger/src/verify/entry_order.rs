//! Checks the entries in their order: times never go back; the facts in force, the uses and the outcomes before each entry
//! agree with it; no forwarded decision comes after a fact that concerns it and that its judge had not read.
//!
//! Memory: what `facts_in_force`, `uses` and `decisions` hold, and the last facts.

use std::collections::VecDeque;
use std::sync::Arc;

use super::AuditReport;
use super::decisions::Decisions;
use super::facts_in_force::FactsInForce;
use super::uses::Uses;
use crate::entry::{Decision, Entry, Init, concerns};
use crate::fault::ReadError;
use crate::ledger::RecordedEntry;
use crate::note::VerifyingKey;
use crate::tree::MerkleTree;

/// How many recent facts are checked against decisions that had not read them. The writer remembers 1,024, and up to as
/// many of the frame that it is writing.
const FACTS: usize = 2048;

pub(super) struct OrderCheck<'a> {
    log: &'a VerifyingKey,
    time: u64,
    /// Facts below this index were removed from `recent`.
    floor: u64,
    recent: VecDeque<(u64, Arc<Entry>)>,
    facts: FactsInForce,
    uses: Uses,
    decisions: Decisions,
}

impl<'a> OrderCheck<'a> {
    pub(super) fn new(log: &'a VerifyingKey) -> Self {
        Self {
            log,
            time: 0,
            floor: 0,
            recent: VecDeque::new(),
            facts: FactsInForce::default(),
            uses: Uses::default(),
            decisions: Decisions::default(),
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
                self.facts.add(index, record.stamps.time / 1000, &record.entry, report);
                self.remember(index, record.entry);
            }
            Entry::Start(_)
            | Entry::Stop(_)
            | Entry::Denials(_)
            | Entry::Issued(_)
            | Entry::Ungoverned(_)
            | Entry::Gap(_)
            | Entry::Archived(_)
            | Entry::Reads(_)
            | Entry::Restored(_) => {}
        }
    }

    fn check_init(&self, index: u64, init: &Init, report: &mut AuditReport) {
        if index > 0 {
            report.add_entry_fault(index, "`init/1` must be the first entry");
        } else if init.origin != self.log.name() || init.key != self.log.to_string() {
            report.add_entry_fault(index, "it names another log or another key");
        }
    }

    fn remember(&mut self, index: u64, fact: Entry) {
        self.recent.push_back((index, Arc::new(fact)));
        if self.recent.len() > FACTS {
            let oldest = self.recent.pop_front();
            self.floor = oldest.map_or(self.floor, |(index, _)| index.saturating_add(1));
        }
    }

    fn check_decision(&mut self, record: &RecordedEntry, decision: &Decision, report: &mut AuditReport) {
        let index = record.index;
        self.decisions.add(index, decision);
        if decision.as_of > index {
            report.add_entry_fault(index, "its `as_of` names facts that were not recorded yet");
        }
        let now = record.stamps.time / 1000;
        for burn in &decision.burned {
            if !self.uses.add(burn, now) {
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
        if decision.as_of < self.floor {
            let what =
                format!("the request was forwarded, but its judge had read none of the last {FACTS} facts");
            return report.add_entry_fault(index, what);
        }
        let mut unread = self.recent.iter().rev().take_while(|(fact, _)| *fact >= decision.as_of);
        if let Some((fact, _)) = unread.find(|(_, fact)| concerns(fact, decision)) {
            let what =
                format!("the request was forwarded, but its judge had not read the fact at index {fact}");
            report.add_entry_fault(index, what);
        }
    }
}
