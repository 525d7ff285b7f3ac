//! The bounded queue between the callers and the writer. Reports, for which nobody waits, have a queue of their own: they are
//! written into the space that the other entries leave, and can never keep a decision out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::entry::{Decision, Entry, encoding};
use crate::fault::RecordError;
use crate::ledger::Receipt;
use crate::wal::frame::{ENTRIES_AT_MOST, PAYLOAD_AT_MOST};

/// Called once, when the entry is durable or refused.
pub type Callback = Box<dyn FnOnce(Result<Receipt, RecordError>) + Send>;

/// Bytes that a batch leaves free in its frame for a gap entry of the ledger itself.
const RESERVED: usize = 4096;

/// An entry that waits to be written.
pub(crate) struct Job {
    pub(crate) draft: encoding::EntryDraft,
    pub(crate) kind: JobKind,
    pub(crate) done: Callback,
}

impl Job {
    /// The most bytes that it takes in a frame.
    fn bytes(&self) -> usize {
        self.draft.len_at_most().saturating_add(2)
    }
}

/// What the writer must know about an entry besides its bytes. The rest of the entry is freed by the caller's thread.
pub(crate) enum JobKind {
    Other,
    /// It may make decisions stale.
    Fact(Arc<Entry>),
    /// It may be stale.
    Forward(Box<Decision>),
    /// It has a clock, in seconds.
    Denied(u64),
}

impl JobKind {
    pub(crate) fn of(entry: Entry) -> Self {
        if entry.is_fact() {
            return Self::Fact(Arc::new(entry));
        }
        let Entry::Decision(decision) = entry else { return Self::Other };
        if decision.forwards() { Self::Forward(Box::new(decision)) } else { Self::Denied(decision.clock) }
    }
}

/// How often an idle writer checks the queue before it sleeps. Waking it costs a single caller more than its part of a
/// sync.
const CHECKS: usize = 40;

/// How many bytes of reports may wait.
const REPORT_BYTES_AT_MOST: usize = 16 * 1024 * 1024;

/// How much of one frame reports may take. A decision that comes now waits for the write and the sync of this frame.
const REPORTS_IN_A_FRAME: Space = Space { entries: ENTRIES_AT_MOST / 2, bytes: PAYLOAD_AT_MOST / 4 };

pub(crate) struct Queue {
    state: Mutex<QueueState>,
    arrived: Condvar,
    limit: usize,
    /// How many reports may wait.
    reports: usize,
    /// The number of jobs, readable without the lock.
    length: AtomicUsize,
}

#[derive(Default)]
struct QueueState {
    jobs: VecDeque<Job>,
    reports: VecDeque<Job>,
    report_bytes: usize,
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
}

impl QueueState {
    fn len(&self) -> usize {
        self.jobs.len().saturating_add(self.reports.len())
    }

    fn accept(&mut self, job: Job, limit: usize) -> Result<(), (Job, RecordError)> {
        if self.closed {
            return Err((job, RecordError::Closed));
        }
        if self.jobs.len() >= limit {
            return Err((job, self.full()));
        }
        self.jobs.push_back(job);
        Ok(())
    }

    fn accept_report(&mut self, job: Job, limit: usize) -> Result<(), (Job, RecordError)> {
        if self.closed {
            return Err((job, RecordError::Closed));
        }
        let bytes = self.report_bytes.saturating_add(job.bytes());
        if self.reports.len() >= limit || bytes > REPORT_BYTES_AT_MOST {
            return Err((job, self.full()));
        }
        self.report_bytes = bytes;
        self.reports.push_back(job);
        Ok(())
    }

    fn full(&mut self) -> RecordError {
        self.refused_when_full = self.refused_when_full.saturating_add(1);
        RecordError::QueueFull
    }

    /// Moves as many jobs as fit in one frame into the batch: reports last.
    fn fill(&mut self, batch: &mut Vec<Job>) {
        let whole = Space { entries: ENTRIES_AT_MOST, bytes: PAYLOAD_AT_MOST.saturating_sub(RESERVED) };
        let left = move_into(batch, &mut self.jobs, whole);
        // Once the queue is closed, no decision comes, so reports may fill the frame.
        let for_reports = if self.closed { left } else { left.smaller(REPORTS_IN_A_FRAME) };
        let unused = move_into(batch, &mut self.reports, for_reports);
        self.report_bytes = self.report_bytes.saturating_sub(for_reports.bytes.saturating_sub(unused.bytes));
    }
}

/// Moves jobs from the front of a queue into the batch while there is space, and returns the space that is left.
fn move_into(batch: &mut Vec<Job>, queue: &mut VecDeque<Job>, space: Space) -> Space {
    let mut left = space;
    while let Some(less) = queue.front().and_then(|job| left.after(job.bytes())) {
        left = less;
        batch.extend(queue.pop_front());
    }
    left
}

impl Queue {
    pub(crate) fn new(limit: usize, reports: usize) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), limit, reports, length: AtomicUsize::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        // No code under this lock can panic in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job, or answers its caller at once with the error.
    pub(crate) fn push(&self, job: Job) {
        self.add(|state| state.accept(job, self.limit));
    }

    /// The same for a report.
    pub(crate) fn push_report(&self, job: Job) {
        self.add(|state| state.accept_report(job, self.reports));
    }

    fn add(&self, accept: impl FnOnce(&mut QueueState) -> Result<(), (Job, RecordError)>) {
        let mut state = self.state();
        let accepted = accept(&mut state);
        let length = state.len();
        self.length.store(length, Ordering::Release);
        drop(state);
        match accepted {
            // The writer sleeps only on an empty queue.
            Ok(()) if length == 1 => self.arrived.notify_one(),
            Ok(()) => {}
            Err((job, refused)) => (job.done)(Err(refused)),
        }
    }

    /// Waits for the next batch: all queued jobs that fit in one frame. `None` if the queue is closed and empty. After
    /// `patience` the batch may be empty.
    pub(crate) fn take(&self, batch: &mut Vec<Job>, patience: Option<Duration>) -> Option<()> {
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
        state.fill(batch);
        self.length.store(state.len(), Ordering::Release);
        Some(())
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

    fn taken(queue: &Queue) -> usize {
        let mut batch = Vec::new();
        queue.take(&mut batch, None).unwrap();
        batch.len()
    }

    #[test]
    fn a_full_queue_of_reports_keeps_no_decision_out_and_takes_half_of_a_frame_at_most() {
        let queue = Queue::new(4096, 5000);
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
        let queue = Queue::new(4096, 5000);
        (0..3000).for_each(|n| queue.push_report(job(n)));
        queue.close();
        assert_eq!((taken(&queue), taken(&queue), taken(&queue)), (1024, 1024, 952));
        assert!(queue.take(&mut Vec::new(), None).is_none());
    }

    #[test]
    fn reports_are_bounded_in_bytes_and_their_space_is_free_again_when_they_are_taken() {
        let large = || {
            let version = "x".repeat(60_000);
            let start = Entry::Start(crate::entry::Start { cut: false, torn: None, version });
            Job { draft: start.draft(Nonce([0; 16])).unwrap(), kind: JobKind::Other, done: Box::new(drop) }
        };
        let queue = Queue::new(4096, 5000);
        (0..300).for_each(|_| queue.push_report(large()));
        let most = queue.len();
        assert!(most * 60_000 <= REPORT_BYTES_AT_MOST && most > 270, "{most}");
        assert_eq!(taken(&queue), 4, "a quarter of a frame");
        (0..10).for_each(|_| queue.push_report(large()));
        assert_eq!(queue.len(), most);
    }
}
