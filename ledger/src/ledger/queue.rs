//! The bounded queue between the callers and the writer.

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

pub(crate) struct Queue {
    state: Mutex<QueueState>,
    arrived: Condvar,
    limit: usize,
    /// The number of jobs, readable without the lock.
    length: AtomicUsize,
}

#[derive(Default)]
struct QueueState {
    jobs: VecDeque<Job>,
    closed: bool,
    refused_when_full: u64,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), limit, length: AtomicUsize::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        // No code under this lock can panic in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job, or answers its caller at once with the error.
    pub(crate) fn push(&self, job: Job) {
        let mut state = self.state();
        let refused = if state.closed {
            RecordError::Closed
        } else if state.jobs.len() >= self.limit {
            state.refused_when_full = state.refused_when_full.saturating_add(1);
            RecordError::QueueFull
        } else {
            state.jobs.push_back(job);
            self.length.store(state.jobs.len(), Ordering::Release);
            let first = state.jobs.len() == 1;
            drop(state);
            // The writer sleeps only on an empty queue.
            if first {
                self.arrived.notify_one();
            }
            return;
        };
        drop(state);
        (job.done)(Err(refused));
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
        while state.jobs.is_empty() {
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
        let mut bytes: usize = RESERVED;
        while let Some(job) = state.jobs.front().filter(|_| batch.len() < ENTRIES_AT_MOST) {
            bytes = bytes.saturating_add(job.draft.len_at_most()).saturating_add(2);
            if bytes > PAYLOAD_AT_MOST {
                break;
            }
            batch.extend(state.jobs.pop_front());
        }
        self.length.store(state.jobs.len(), Ordering::Release);
        Some(())
    }

    /// Refuses further jobs. Jobs that are already queued can still be taken.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_all();
    }

    pub(crate) fn len(&self) -> usize {
        self.state().jobs.len()
    }

    pub(crate) fn refused_when_full(&self) -> u64 {
        self.state().refused_when_full
    }
}
