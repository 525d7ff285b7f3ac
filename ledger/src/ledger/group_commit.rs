//! The group commit that the writer prepares: which entries of a batch are accepted, in which order, with which time.

use std::ops::Range;
use std::sync::Arc;

use super::follow::{FactCallback, FactError, FactReceipt, FactRefused, FollowFacts, Forward};
use super::queue::{FactJob, Job, JobKind};
use super::recent_facts::RecentFacts;
use super::waiting_callers::{WaitingCallers, WaitingFacts};
use super::{Callback, Receipt};
use crate::canonical::INTEGER_MAX;
use crate::entry::{Decision, Entry, concerns, encoding};
use crate::fault::RecordError;
use crate::merkle::{Edge, Hash, leaf_hash};
use crate::wal::frame::{self, Entries};

/// A decision to forward a request is recorded at most this many seconds after its clock: the longest deadline that can be
/// configured. Whoever counts uses keeps them a second longer than this after their expiry, so no decision is recorded that
/// asked for a use after it was forgotten.
pub const FORWARD_RECORDED_WITHIN_SECONDS: u64 = 60;

/// How far a decision's clock may be ahead of the ledger's clock, in milliseconds.
const CLOCK_AHEAD: u64 = 5_000;

/// A caller that waits for an entry of the group commit.
pub(crate) struct Waiter {
    pub(crate) done: Callback,
    pub(crate) index: u64,
    pub(crate) time: u64,
}

/// A caller of a fact, and what its answer will be if the group commit is written.
struct WaitingFact {
    done: FactCallback,
    answer: Result<FactInLog, FactRefused>,
}

/// Where a fact is in the log.
#[derive(Clone, Copy)]
struct FactInLog {
    index: u64,
    time: u64,
    repeats: bool,
}

#[derive(Default)]
pub(crate) struct GroupCommit {
    pub(crate) entries: Vec<u8>,
    pub(crate) leaves: Vec<Hash>,
    pub(crate) edge: Edge,
    pub(crate) time: u64,
    /// The followed entries of this group commit: facts, and after them issued warrants. Facts can make later decisions in it
    /// stale too.
    pub(crate) facts: Vec<(u64, Arc<Entry>)>,
    waiters: Vec<Waiter>,
    waiting_facts: Vec<WaitingFact>,
    /// Callers whose decision is stale. A fact of this group commit may be why, so they are answered only when it is in
    /// effect. A decision that is judged again before that reads the old facts, and is stale again.
    stale: Vec<Callback>,
    /// How many entries are the ledger's own.
    own: usize,
    /// Decisions to forward. They are freed only after all callers have their answer, because this takes time.
    forwards: Vec<CommittedForward>,
    /// The indices of the decisions that have their outcome in this group commit.
    pub(crate) outcomes: Vec<u64>,
}

struct CommittedForward {
    index: u64,
    decision: Box<Decision>,
    /// Where its bytes are in `entries`.
    bytes: Range<usize>,
}

impl GroupCommit {
    pub(crate) fn new(edge: Edge, time: u64) -> Self {
        Self { edge, time, ..Self::default() }
    }

    /// Adds a fact if the follower admits it. Its caller is answered only when the group commit is written, or is not: the
    /// follower may have decided by facts of this group commit.
    pub(crate) fn add_fact(&mut self, job: FactJob, follower: &mut Option<Box<dyn FollowFacts>>, now: u64) {
        let index = self.edge.size();
        let time = self.next_time(now);
        let FactJob { draft, fact, done } = job;
        let admitted = match follower {
            Some(follower) => follower.admit(&fact, index, time),
            None => Ok(()),
        };
        let answer = match admitted {
            Ok(()) => {
                self.push(&draft, time);
                self.facts.push((index, fact));
                Ok(FactInLog { index, time, repeats: false })
            }
            Err(FactRefused::Repeats { index, time }) => Ok(FactInLog { index, time, repeats: true }),
            Err(refused) => Err(refused),
        };
        self.waiting_facts.push(WaitingFact { done, answer });
    }

    pub(crate) fn add(
        &mut self,
        job: Job,
        known: &RecentFacts,
        follower: &mut Option<Box<dyn FollowFacts>>,
        now: u64,
    ) {
        let index = self.edge.size();
        let admitted = self.admit(&job.kind, known, now).and_then(|time| match (&job.kind, follower) {
            (JobKind::Issued(root), Some(follower)) => admit_root(follower.as_mut(), root, index, time),
            (
                JobKind::Issued(_)
                | JobKind::Forward(_)
                | JobKind::Own
                | JobKind::Outcome(_)
                | JobKind::Other
                | JobKind::Denied(_),
                _,
            ) => Ok(time),
        });
        let time = match admitted {
            Ok(time) => time,
            Err(RecordError::Stale) => return self.stale.push(job.done),
            Err(refused) => return (job.done)(Err(refused)),
        };
        let bytes = self.push(&job.draft, time);
        match job.kind {
            JobKind::Forward(decision) => self.forwards.push(CommittedForward { index, decision, bytes }),
            JobKind::Issued(root) => self.facts.push((index, root)),
            JobKind::Outcome(of) => self.outcomes.push(of),
            JobKind::Own => self.own = self.own.saturating_add(1),
            JobKind::Other | JobKind::Denied(_) => {}
        }
        self.waiters.push(Waiter { done: job.done, index, time });
    }

    /// Returns where the entry's bytes are.
    fn push(&mut self, draft: &encoding::EntryDraft, time: u64) -> Range<usize> {
        let at = self.entries.len();
        frame::push_entry(&mut self.entries, |out| draft.stamp(time, out));
        let end = self.entries.len();
        self.time = time;
        let Some(Some(entry)) = Entries(self.entries.get(at..).unwrap_or(&[])).next() else {
            return end..end;
        };
        let leaf = leaf_hash(entry);
        self.edge.append(leaf);
        self.leaves.push(leaf);
        end.saturating_sub(entry.len())..end
    }

    /// The decisions to forward, for the follower.
    pub(crate) fn forwards(&self) -> Vec<Forward<'_>> {
        let bytes = |range: &Range<usize>| self.entries.get(range.clone()).unwrap_or_default();
        let forwards = self.forwards.iter().map(|CommittedForward { index, decision, bytes: range }| {
            Forward { index: *index, decision, bytes: bytes(range) }
        });
        forwards.collect()
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The callers whose decision is stale, for their answer.
    pub(crate) fn take_stale(&mut self) -> Vec<Callback> {
        std::mem::take(&mut self.stale)
    }

    /// The callers of a group commit that is durable, at this size. The facts' callers still wait for `handed-out`.
    pub(crate) fn recorded(self, size: u64) -> (WaitingCallers, WaitingFacts) {
        let (mut callers, mut facts) = (WaitingCallers::default(), WaitingFacts::default());
        for Waiter { done, index, time } in self.waiters {
            callers.push(done, Receipt { index, size, time });
        }
        for WaitingFact { done, answer } in self.waiting_facts {
            facts.push(done, answer.map(|fact| fact.acknowledged(size)).map_err(FactError::Refused));
        }
        (callers, facts)
    }

    /// Answers the callers of a group commit that is not written; `size` is the log's size without it. Returns how many
    /// entries of others are not recorded, and the callers of facts that repeat what was recorded before this group commit.
    pub(crate) fn refuse(self, refused: &RecordError, size: u64) -> (u64, WaitingFacts) {
        let mut repeats = WaitingFacts::default();
        for waiter in self.waiters {
            (waiter.done)(Err(refused.clone()));
        }
        for done in self.stale {
            done(Err(RecordError::Stale));
        }
        for WaitingFact { done, answer } in self.waiting_facts {
            match answer {
                Ok(fact) if fact.repeats && fact.index < size => {
                    repeats.push(done, Ok(fact.acknowledged(size)))
                }
                Ok(_) | Err(_) => done(Err(FactError::NotRecorded(refused.clone()))),
            }
        }
        (u64::try_from(self.leaves.len().saturating_sub(self.own)).unwrap_or(u64::MAX), repeats)
    }

    fn next_time(&self, now: u64) -> u64 {
        now.max(self.time).min(INTEGER_MAX)
    }

    /// The time to stamp on the entry, or why it is not recorded.
    fn admit(&self, kind: &JobKind, known: &RecentFacts, now: u64) -> Result<u64, RecordError> {
        let time = self.next_time(now);
        let clock = match kind {
            JobKind::Own | JobKind::Other | JobKind::Outcome(_) | JobKind::Issued(_) => return Ok(time),
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

/// Asks the follower about a root. A root whose policy had read something else is stale, like a decision.
fn admit_root(
    follower: &mut dyn FollowFacts,
    root: &Arc<Entry>,
    index: u64,
    time: u64,
) -> Result<u64, RecordError> {
    match follower.admit(root, index, time) {
        Ok(()) => Ok(time),
        Err(FactRefused::OtherBundle | FactRefused::OtherFacts) => Err(RecordError::Stale),
        Err(refused) => Err(RecordError::Refused(refused)),
    }
}

impl FactInLog {
    fn acknowledged(self, size: u64) -> FactReceipt {
        let receipt = Receipt { index: self.index, size, time: self.time };
        FactReceipt { receipt, repeats: self.repeats }
    }
}

/// Whether this time, in milliseconds, is too long after the clock of a decision to forward.
pub(crate) fn is_too_late(decision: &Decision, time: u64) -> bool {
    time / 1000 > decision.clock.saturating_add(FORWARD_RECORDED_WITHIN_SECONDS)
}
