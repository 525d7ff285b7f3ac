//! What the server's own entries say, apart from what was burned: up to where the log was folded, whether burned uses were
//! lost, which decisions have an outcome and which forwards may still run. It is small, however long the log is.

use ledger::RecordedEntry;
use ledger::entry::Entry;
use warrant::Seconds;

use super::after_restore::AfterRestore;
use super::ended::EndedDecisions;
use super::forwards::ForwardList;

/// These facts, at one size of the ledger.
#[derive(Debug, Default)]
pub struct OwnFacts {
    /// The size of the ledger: these facts are those of the entries below it, and of no other.
    pub as_of: u64,
    /// The time of the last of these entries. Uses are forgotten by this time, and by no clock.
    pub time: Seconds,
    /// When burned uses were last lost: a start had to cut off an entry that a crash had left half-written, or this log
    /// replaced one that was restored from a backup. What was burned before that time is not known for sure.
    pub burns_lost_at: Option<Seconds>,
    /// Which decisions have an outcome.
    pub ended: EndedDecisions,
    /// The forwards that may still run.
    pub running: ForwardList,
    /// The beginning of this log, if it continues one that was restored from a backup.
    pub after_restore: Option<AfterRestore>,
}

impl OwnFacts {
    pub(super) fn take(&mut self, record: &RecordedEntry) {
        self.as_of = record.index.saturating_add(1);
        self.time = Seconds::new(record.stamps.time / 1000);
        AfterRestore::take(&mut self.after_restore, &record.entry);
        match &record.entry {
            Entry::Outcome(outcome) => {
                self.ended.note(outcome.index);
                self.running.remove(outcome.index);
            }
            Entry::Decision(decision) => drop(self.running.enter(record.index, decision)),
            Entry::Init(init) if init.restored.is_some() => self.burns_lost_at = Some(self.time),
            Entry::Start(start) if start.torn.is_some() => self.burns_lost_at = Some(self.time),
            Entry::Init(_)
            | Entry::Activation(_)
            | Entry::Posture(_)
            | Entry::Start(_)
            | Entry::Stop(_)
            | Entry::Denials(_)
            | Entry::Issued(_)
            | Entry::Revocation(_)
            | Entry::Reinstate(_)
            | Entry::Attestation(_)
            | Entry::Condition(_)
            | Entry::Ungoverned(_)
            | Entry::Gap(_)
            | Entry::Archived(_)
            | Entry::Reads(_)
            | Entry::Restored(_) => {}
        }
        self.running.forget_ended(self.time);
    }
}
