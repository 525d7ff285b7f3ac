//! The bounded queue between those who decide and the one who writes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::entry::{Entry, form};
use crate::fault::Refused;
use crate::ledger::Receipt;
use crate::wal::frame::{ENTRIES_AT_MOST, PAYLOAD_AT_MOST};

/// Called once, when an entry is durable or refused.
pub type Done = Box<dyn FnOnce(Result<Receipt, Refused>) + Send>;

/// Room that a batch leaves in its frame for an entry of the ledger's own, a gap.
const RESERVED: usize = 4096;

/// An entry on its way.
pub(crate) struct Job {
    pub(crate) draft: form::Draft,
    pub(crate) entry: Entry,
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

    /// Waits for the next batch: all that is queued, up to what fits one frame. `None` once closed and empty; after
    /// `patience`, an empty batch.
    pub(crate) fn take(&self, batch: &mut Vec<Job>, patience: Option<Duration>) -> Option<()> {
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
