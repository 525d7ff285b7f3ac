//! The bounded queue between the callers and the writer, in three lanes. Facts come first, so a flood of decisions never keeps
//! a revocation out. Reports, for which nobody waits, are written into the space that the other entries leave, so they never
//! keep a decision out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::follow::{FactCallback, FactError};
use super::wake::Wake;
use crate::entry::{Decision, Entry, encoding};
use crate::fault::RecordError;
use crate::ledger::Receipt;
use crate::wal::frame::{ENTRIES_AT_MOST, PAYLOAD_AT_MOST};

/// Called once, when the entry is durable or refused.
pub type Callback = Box<dyn FnOnce(Result<Receipt, RecordError>) + Send>;

/// Bytes that a batch leaves free in its frame for a gap entry of the ledger itself.
pub(crate) const RESERVED: usize = 4096;

/// An entry that waits to be written.
pub(crate) struct Job {
    pub(crate) draft: encoding::EntryDraft,
    pub(crate) kind: JobKind,
    pub(crate) done: Callback,
}

/// A fact that waits to be written.
pub(crate) struct FactJob {
    pub(crate) draft: encoding::EntryDraft,
    pub(crate) fact: Arc<Entry>,
    pub(crate) done: FactCallback,
}

/// What the writer must know about an entry besides its bytes. The rest of the entry is freed by the caller's thread.
pub(crate) enum JobKind {
    /// The ledger's own: it is written even where only facts are.
    Own,
    Other,
    /// It may be stale.
    Forward(Box<Decision>),
    /// It has a clock, in seconds.
    Denied(u64),
    /// The outcome of the decision at this index.
    Outcome(u64),
    /// A root warrant, about which the follower is asked. It waits with the decisions, because it denies nothing.
    Issued(Arc<Entry>),
}

impl JobKind {
    pub(crate) fn of_decision(decision: Box<Decision>) -> Self {
        if decision.forwards() { Self::Forward(decision) } else { Self::Denied(decision.clock) }
    }

    pub(crate) fn of(entry: Entry) -> Self {
        match entry {
            Entry::Decision(decision) => Self::of_decision(Box::new(decision)),
            Entry::Outcome(outcome) => Self::Outcome(outcome.index),
            Entry::Start(_) | Entry::Stop(_) => Self::Own,
            issued @ Entry::Issued(_) => Self::Issued(Arc::new(issued)),
            Entry::Init(_)
            | Entry::Denials(_)
            | Entry::Revocation(_)
            | Entry::Reinstate(_)
            | Entry::Attestation(_)
            | Entry::Condition(_)
            | Entry::Posture(_)
            | Entry::Activation(_)
            | Entry::Ungoverned(_)
            | Entry::Gap(_)
            | Entry::Archived(_)
            | Entry::Reads(_)
            | Entry::Restored(_) => Self::Other,
        }
    }
}

/// The entries that the writer takes at once: at most one frame of them.
#[derive(Default)]
pub(crate) struct PendingBatch {
    /// Written first.
    pub(crate) facts: Vec<FactJob>,
    pub(crate) jobs: Vec<Job>,
}

impl PendingBatch {
    /// The most bytes that they take in a frame.
    pub(crate) fn bytes(&self) -> usize {
        let drafts = self.facts.iter().map(|job| &job.draft).chain(self.jobs.iter().map(|job| &job.draft));
        drafts.map(bytes).fold(0, usize::saturating_add)
    }

    /// Takes out the entries that are refused where only facts and the ledger's own entries are written.
    pub(crate) fn take_others(&mut self) -> Vec<Job> {
        let is_own = |job: &Job| matches!(job.kind, JobKind::Own);
        let (own, others) = std::mem::take(&mut self.jobs).into_iter().partition(is_own);
        self.jobs = own;
        others
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.jobs.is_empty()
    }
}

/// The most bytes that an entry takes in a frame.
fn bytes(draft: &encoding::EntryDraft) -> usize {
    draft.len_at_most().saturating_add(2)
}

/// How often an idle writer checks the queue before it sleeps. Waking it costs a single caller more than its part of a
/// sync.
const CHECKS: usize = 40;

/// After this time the writer yields no more: a steady flow of entries would delay the first one for ever.
const GATHERED_WITHIN: Duration = Duration::from_millis(2);

/// What a batch may take of one frame.
const WHOLE_FRAME: Space = Space { entries: ENTRIES_AT_MOST, bytes: PAYLOAD_AT_MOST - RESERVED };

/// How many facts may wait.
const FACTS_AT_MOST: Space = Space { entries: 4096, bytes: 32 * 1024 * 1024 };

/// How much of one frame facts may take while decisions wait. A decision is stale if a fact that concerns it comes between
/// its judge and its record, so without a limit a flood of facts could keep all decisions out.
const FACTS_IN_A_FRAME: Space = Space { entries: 64, bytes: PAYLOAD_AT_MOST / 2 };

/// How many bytes of reports may wait.
const REPORT_BYTES_AT_MOST: usize = 16 * 1024 * 1024;

/// How much of one frame reports may take. A decision that comes now waits for the write and the sync of this frame.
const REPORTS_IN_A_FRAME: Space = Space { entries: ENTRIES_AT_MOST / 2, bytes: PAYLOAD_AT_MOST / 4 };

pub(crate) struct Queue {
    state: Mutex<QueueState>,
    arrived: Condvar,
    /// The number of jobs, readable without the lock.
    length: AtomicUsize,
    /// The writer, if it waits for room for decisions: it records facts meanwhile.
    writer: Wake,
}

struct QueueState {
    facts: Lane<FactJob>,
    jobs: Lane<Job>,
    reports: Lane<Job>,
    closed: bool,
    refused_when_full: u64,
}

/// Space for entries.
#[derive(Clone, Copy, Debug)]
struct Space {
    entries: usize,
    bytes: usize,
}

impl Space {
    fn smaller(self, other: Self) -> Self {
        Self { entries: self.entries.min(other.entries), bytes: self.bytes.min(other.bytes) }
    }

    /// The space that is left after one entry of this many bytes; `None` if there is no space for it.
    fn after(self, bytes: usize) -> Option<Self> {
        Some(Self { entries: self.entries.checked_sub(1)?, bytes: self.bytes.checked_sub(bytes)? })
    }

    /// The space that is left of this one where of `before` only `after` is left.
    fn without(self, before: Self, after: Self) -> Self {
        let entries = before.entries.saturating_sub(after.entries);
        let bytes = before.bytes.saturating_sub(after.bytes);
        Self { entries: self.entries.saturating_sub(entries), bytes: self.bytes.saturating_sub(bytes) }
    }
}

/// Entries of one kind that wait, with the bytes that each takes in a frame.
struct Lane<J> {
    waiting: VecDeque<(usize, J)>,
    bytes: usize,
    most: Space,
}

impl<J> Lane<J> {
    fn new(most: Space) -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, most }
    }

    /// Adds a job, or gives it back if there is no space for it.
    fn add(&mut self, bytes: usize, job: J) -> Result<(), J> {
        let sum = self.bytes.saturating_add(bytes);
        if self.waiting.len() >= self.most.entries || sum > self.most.bytes {
            return Err(job);
        }
        self.bytes = sum;
        self.waiting.push_back((bytes, job));
        Ok(())
    }

    /// Moves jobs into the batch while there is space, and returns the space that is left.
    fn move_into(&mut self, batch: &mut Vec<J>, space: Space) -> Space {
        let mut left = space;
        while let Some(less) = self.waiting.front().and_then(|(bytes, _)| left.after(*bytes)) {
            left = less;
            if let Some((bytes, job)) = self.waiting.pop_front() {
                self.bytes = self.bytes.saturating_sub(bytes);
                batch.push(job);
            }
        }
        left
    }
}

impl QueueState {
    fn len(&self) -> usize {
        self.facts
            .waiting
            .len()
            .saturating_add(self.jobs.waiting.len())
            .saturating_add(self.reports.waiting.len())
    }

    /// Whether the writer may wait for more entries. A fact is not kept waiting, and neither is who closes the queue.
    fn may_gather(&self) -> bool {
        !self.closed && self.facts.waiting.is_empty() && self.len() < ENTRIES_AT_MOST
    }

    /// The error for a job that the lane gave back.
    fn full(&mut self) -> RecordError {
        self.refused_when_full = self.refused_when_full.saturating_add(1);
        RecordError::QueueFull
    }

    /// Moves as many jobs as fit in one frame into the batch: facts first, reports last.
    fn fill(&mut self, batch: &mut PendingBatch) {
        let for_facts =
            if self.jobs.waiting.is_empty() { WHOLE_FRAME } else { WHOLE_FRAME.smaller(FACTS_IN_A_FRAME) };
        let unused = self.facts.move_into(&mut batch.facts, for_facts);
        let left = self.jobs.move_into(&mut batch.jobs, WHOLE_FRAME.without(for_facts, unused));
        // Once the queue is closed, no decision comes, so reports may fill the frame.
        let for_reports = if self.closed { left } else { left.smaller(REPORTS_IN_A_FRAME) };
        self.reports.move_into(&mut batch.jobs, for_reports);
    }
}

impl Queue {
    pub(crate) fn new(limit: usize, reports: usize, writer: Wake) -> Self {
        let state = QueueState {
            facts: Lane::new(FACTS_AT_MOST),
            jobs: Lane::new(Space { entries: limit, bytes: usize::MAX }),
            reports: Lane::new(Space { entries: reports, bytes: REPORT_BYTES_AT_MOST }),
            closed: false,
            refused_when_full: 0,
        };
        Self { state: Mutex::new(state), arrived: Condvar::new(), length: AtomicUsize::new(0), writer }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        // No code under this lock can panic in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a fact, or answers its caller at once with the error.
    pub(crate) fn push_fact(&self, job: FactJob) {
        let bytes = bytes(&job.draft);
        match self.add(job, |state| &mut state.facts, bytes) {
            Ok(()) => self.writer.wake(),
            Err((job, refused)) => (job.done)(Err(FactError::NotRecorded(refused))),
        }
    }

    /// Adds a job, or answers its caller at once with the error.
    pub(crate) fn push(&self, job: Job) {
        let bytes = bytes(&job.draft);
        if let Err((job, refused)) = self.add(job, |state| &mut state.jobs, bytes) {
            (job.done)(Err(refused));
        }
    }

    /// The same for a report.
    pub(crate) fn push_report(&self, job: Job) {
        let bytes = bytes(&job.draft);
        if let Err((job, refused)) = self.add(job, |state| &mut state.reports, bytes) {
            (job.done)(Err(refused));
        }
    }

    fn add<J>(
        &self,
        job: J,
        lane: impl FnOnce(&mut QueueState) -> &mut Lane<J>,
        bytes: usize,
    ) -> Result<(), (J, RecordError)> {
        let mut state = self.state();
        if state.closed {
            return Err((job, RecordError::Closed));
        }
        if let Err(job) = lane(&mut state).add(bytes, job) {
            return Err((job, state.full()));
        }
        let length = state.len();
        self.length.store(length, Ordering::Release);
        drop(state);
        // The writer sleeps only on an empty queue.
        if length == 1 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits for the next batch: all queued jobs that fit in one frame. `None` if the queue is closed and empty. After
    /// `patience` the batch may be empty.
    pub(crate) fn take(&self, batch: &mut PendingBatch, patience: Option<Duration>) -> Option<()> {
        for _ in 0..CHECKS {
            if self.length.load(Ordering::Acquire) > 0 {
                break;
            }
            std::thread::yield_now();
        }
        let mut state = self.state();
        while state.len() == 0 {
            if state.closed {
                return None;
            }
            state = match patience {
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(most) => {
                    let (state, waited) =
                        self.arrived.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner);
                    if waited.timed_out() {
                        return Some(());
                    }
                    state
                }
            };
        }
        if state.may_gather() {
            drop(state);
            self.gather();
            state = self.state();
        }
        state.fill(batch);
        self.length.store(state.len(), Ordering::Release);
        Some(())
    }

    /// Yields the processor as long as more entries come, so that they share a sync. On a core that is not full, this is one yield.
    fn gather(&self) {
        let began = Instant::now();
        let mut length = self.length.load(Ordering::Acquire);
        while length < ENTRIES_AT_MOST && began.elapsed() < GATHERED_WITHIN {
            std::thread::yield_now();
            let longer = self.length.load(Ordering::Acquire);
            if longer == length {
                return;
            }
            length = longer;
        }
    }

    /// Takes the facts that wait now, at most one frame of them. There may be none.
    pub(crate) fn take_facts(&self, batch: &mut PendingBatch) {
        let mut state = self.state();
        state.facts.move_into(&mut batch.facts, WHOLE_FRAME);
        self.length.store(state.len(), Ordering::Release);
    }

    /// Refuses further jobs. Jobs that are already queued can still be taken.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_all();
    }

    pub(crate) fn len(&self) -> usize {
        self.state().len()
    }

    pub(crate) fn refused_when_full(&self) -> u64 {
        self.state().refused_when_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Nonce, Stop};

    fn job(refused: u64) -> Job {
        let draft = Entry::Stop(Stop { refused }).draft(Nonce([0; 16])).unwrap();
        Job { draft, kind: JobKind::Other, done: Box::new(drop) }
    }

    fn fact(refused: u64) -> FactJob {
        let entry = Entry::Stop(Stop { refused });
        let draft = entry.draft(Nonce([0; 16])).unwrap();
        FactJob { draft, fact: Arc::new(entry), done: Box::new(drop) }
    }

    fn taken_of(queue: &Queue) -> (usize, usize) {
        let mut batch = PendingBatch::default();
        queue.take(&mut batch, None).unwrap();
        (batch.facts.len(), batch.jobs.len())
    }

    fn taken(queue: &Queue) -> usize {
        let (facts, jobs) = taken_of(queue);
        facts.saturating_add(jobs)
    }

    #[test]
    fn a_flood_of_decisions_and_reports_keeps_no_fact_out_and_a_flood_of_facts_leaves_space_for_decisions() {
        let queue = Queue::new(4096, 5000, Wake::default());
        (0..5000).for_each(|n| queue.push(job(n)));
        (0..6000).for_each(|n| queue.push_report(job(n)));
        assert_eq!(queue.refused_when_full(), 904 + 1000);
        (0..4097).for_each(|n| queue.push_fact(fact(n)));
        assert_eq!(queue.refused_when_full(), 904 + 1000 + 1, "the facts have a limit of their own");
        assert_eq!(taken_of(&queue), (64, 960), "the facts are in the very next frame");
        for left in [3136, 2176, 1216] {
            assert_eq!(taken_of(&queue), (64, 960), "{left} decisions were waiting");
        }
        assert_eq!(taken_of(&queue), (64, 256 + 512));
        assert_eq!(taken_of(&queue), (1024, 0), "no decision waits");
    }

    #[test]
    fn a_full_queue_of_reports_keeps_no_decision_out_and_takes_half_of_a_frame_at_most() {
        let queue = Queue::new(4096, 5000, Wake::default());
        for n in 0..6000 {
            queue.push_report(job(n));
        }
        assert_eq!((queue.len(), queue.refused_when_full()), (5000, 1000));
        assert_eq!(taken(&queue), 512, "reports alone");
        queue.push(job(0));
        queue.push(job(1));
        assert_eq!(taken(&queue), 2 + 512, "the decisions are in the very next frame");
        for n in 0..3000 {
            queue.push(job(n));
        }
        assert_eq!((taken(&queue), taken(&queue)), (1024, 1024), "reports only get the space that is left");
        assert_eq!(taken(&queue), 952 + 72);
        assert_eq!(queue.refused_when_full(), 1000, "no decision was refused");
    }

    #[test]
    fn a_closed_queue_hands_out_its_reports_in_whole_frames() {
        let queue = Queue::new(4096, 5000, Wake::default());
        (0..3000).for_each(|n| queue.push_report(job(n)));
        queue.close();
        assert_eq!((taken(&queue), taken(&queue), taken(&queue)), (1024, 1024, 952));
        assert!(queue.take(&mut PendingBatch::default(), None).is_none());
    }

    #[test]
    fn reports_are_bounded_in_bytes_and_their_space_is_free_again_when_they_are_taken() {
        let large = || {
            let version = "x".repeat(60_000);
            let start = Entry::Start(crate::entry::Start { cut: false, torn: None, version });
            Job { draft: start.draft(Nonce([0; 16])).unwrap(), kind: JobKind::Other, done: Box::new(drop) }
        };
        let queue = Queue::new(4096, 5000, Wake::default());
        (0..300).for_each(|_| queue.push_report(large()));
        let most = queue.len();
        assert!(most * 60_000 <= REPORT_BYTES_AT_MOST && most > 270, "{most}");
        assert_eq!(taken(&queue), 4, "a quarter of a frame");
        (0..10).for_each(|_| queue.push_report(large()));
        assert_eq!(queue.len(), most);
    }
}
