//! The bounded queue between those who decide and the one who writes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::entry::{Entry, form};
use crate::fault::Refused;
use crate::ledger::Receipt;
use crate::wal::frame::{ENTRIES_AT_MOST, PAYLOAD_AT_MOST};

/// Called once, when an entry is durable or refused.
pub type Done = Box<dyn FnOnce(Result<Receipt, Refused>) + Send>;

/// An entry and its bytes.
pub(crate) struct Draft {
    pub(crate) bytes: form::Draft,
    pub(crate) entry: Entry,
}

/// An entry on its way.
pub(crate) struct Job {
    pub(crate) draft: Draft,
    pub(crate) done: Done,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    limit: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
    turned_away: u64,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), limit }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code runs under this lock that could panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a job, or tells its owner at once why not.
    pub(crate) fn push(&self, job: Job) {
        let mut state = self.state();
        let refused = if state.closed {
            Refused::Closed
        } else if state.jobs.len() >= self.limit {
            state.turned_away = state.turned_away.saturating_add(1);
            Refused::QueueFull
        } else {
            state.jobs.push_back(job);
            drop(state);
            self.arrived.notify_one();
            return;
        };
        drop(state);
        (job.done)(Err(refused));
    }

    /// Waits for the next batch: all that is queued, up to what fits one frame. `None` once closed and empty.
    pub(crate) fn take(&self, batch: &mut Vec<Job>) -> Option<()> {
        let mut state = self.state();
        while state.jobs.is_empty() {
            if state.closed {
                return None;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut bytes: usize = 0;
        while let Some(job) = state.jobs.front().filter(|_| batch.len() < ENTRIES_AT_MOST) {
            bytes = bytes.saturating_add(job.draft.bytes.len_at_most()).saturating_add(2);
            if bytes > PAYLOAD_AT_MOST {
                break;
            }
            batch.extend(state.jobs.pop_front());
        }
        Some(())
    }

    /// Nothing more is let in. What is queued is still taken.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_all();
    }

    pub(crate) fn len(&self) -> usize {
        self.state().jobs.len()
    }

    pub(crate) fn turned_away(&self) -> u64 {
        self.state().turned_away
    }
}
