//! The group commit that the writer prepares: which entries of a batch are accepted, in which order, with which time.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Callback;
use super::queue::{Job, JobKind};
use crate::canonical::INTEGER_MAX;
use crate::entry::{Decision, Entry, concerns};
use crate::fault::RecordError;
use crate::merkle::{Edge, Hash, leaf_hash};
use crate::wal::frame::{self, Entries};

/// A decision to forward a request is recorded at most this many seconds after its clock: the longest deadline that can be
/// configured. Whoever counts uses keeps them a second longer than this after their expiry, so no decision is recorded that
/// asked for a use after it was forgotten.
pub const FORWARD_RECORDED_WITHIN_SECONDS: u64 = 60;

/// How far a decision's clock may be ahead of the ledger's clock, in milliseconds.
const CLOCK_AHEAD: u64 = 5_000;

/// How many facts are remembered. A judge that has read less must judge again.
const FACTS_AT_MOST: usize = 1024;

/// The facts that a judge may not have read yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecentFacts {
    /// Facts below this index are not remembered.
    floor: u64,
    recent: VecDeque<(u64, Arc<Entry>)>,
}

impl RecentFacts {
    /// No facts: the judges of a new server have read everything below this size.
    pub(crate) fn from(size: u64) -> Self {
        Self { floor: size, recent: VecDeque::new() }
    }

    pub(crate) fn add(&mut self, index: u64, fact: Arc<Entry>) {
        self.recent.push_back((index, fact));
        if self.recent.len() > FACTS_AT_MOST {
            let oldest = self.recent.pop_front();
            self.floor = oldest.map_or(self.floor, |(index, _)| index.saturating_add(1));
        }
    }

    /// Whether a fact that the judge had not read could change this decision.
    fn makes_stale(&self, decision: &Decision) -> bool {
        let unread = self.recent.iter().rev().take_while(|(index, _)| *index >= decision.as_of);
        decision.as_of < self.floor || unread.into_iter().any(|(_, fact)| concerns(fact, decision))
    }
}

/// A caller that waits for an entry of the group commit.
pub(crate) struct Waiter {
    pub(crate) done: Callback,
    pub(crate) index: u64,
    pub(crate) time: u64,
    pub(crate) fact: bool,
}

#[derive(Default)]
pub(crate) struct GroupCommit {
    pub(crate) entries: Vec<u8>,
    pub(crate) leaves: Vec<Hash>,
    pub(crate) edge: Edge,
    pub(crate) time: u64,
    /// The facts in this group commit. They can make later decisions in it stale too.
    pub(crate) facts: Vec<(u64, Arc<Entry>)>,
    pub(crate) waiters: Vec<Waiter>,
    /// Decisions that are freed only after all callers have their answer, because this takes time.
    to_free: Vec<Decision>,
}

impl GroupCommit {
    pub(crate) fn new(edge: Edge, time: u64) -> Self {
        Self { edge, time, ..Self::default() }
    }

    pub(crate) fn add(&mut self, job: Job, known: &RecentFacts, now: u64) {
        let index = self.edge.size();
        let time = match self.admit(&job.kind, known, now) {
            Ok(time) => time,
            Err(refused) => return (job.done)(Err(refused)),
        };
        let at = self.entries.len();
        frame::push_entry(&mut self.entries, |out| job.draft.stamp(time, out));
        if let Some(Some(entry)) = Entries(self.entries.get(at..).unwrap_or(&[])).next() {
            let leaf = leaf_hash(entry);
            self.edge.append(leaf);
            self.leaves.push(leaf);
        }
        self.time = time;
        let mut fact = false;
        match job.kind {
            JobKind::Fact(entry) => {
                self.facts.push((index, entry));
                fact = true;
            }
            JobKind::Forward(decision) => self.to_free.push(*decision),
            JobKind::Other | JobKind::Denied(_) => {}
        }
        self.waiters.push(Waiter { done: job.done, index, time, fact });
    }

    /// The time to stamp on the entry, or why it is not recorded.
    fn admit(&self, kind: &JobKind, known: &RecentFacts, now: u64) -> Result<u64, RecordError> {
        let time = now.max(self.time).min(INTEGER_MAX);
        let clock = match kind {
            JobKind::Other | JobKind::Fact(_) => return Ok(time),
            JobKind::Forward(decision) => decision.clock,
            JobKind::Denied(clock) => *clock,
        };
        let clock = clock.saturating_mul(1000);
        if clock > time.saturating_add(CLOCK_AHEAD) {
            return Err(RecordError::ClockAhead);
        }
        if let JobKind::Forward(decision) = kind {
            // The process was stopped, the disk did not answer, or the wall clock was set.
            if is_too_late(decision, time) {
                return Err(RecordError::Stale);
            }
            let here = self.facts.iter().any(|(_, fact)| concerns(fact, decision));
            if here || decision.as_of > self.edge.size() || known.makes_stale(decision) {
                return Err(RecordError::Stale);
            }
        }
        Ok(time.max(clock))
    }
}

/// Whether this time, in milliseconds, is too long after the clock of a decision to forward.
pub(crate) fn is_too_late(decision: &Decision, time: u64) -> bool {
    time / 1000 > decision.clock.saturating_add(FORWARD_RECORDED_WITHIN_SECONDS)
}
