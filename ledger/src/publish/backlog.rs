//! What is durable and not yet published: a queue bounded in bytes between the writer and the publisher.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::fault::Refused;
use crate::wal::recover::Batch;

/// How many bytes may wait. Beyond it the writer waits too: otherwise the backlog would grow for as long as entries come
/// in faster than the disk takes their bundles.
const BYTES_AT_MOST: usize = 16 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Batch>,
    bytes: usize,
    /// The size behind the last batch that was put in.
    size: u64,
    published: u64,
    /// Somebody waits for a checkpoint of at least this size.
    wanted: u64,
    stuck: Option<Refused>,
    closed: bool,
    /// When the last checkpoint was published.
    last: Option<Instant>,
}

/// What the publisher does next.
pub(crate) struct Work {
    pub(crate) batches: VecDeque<Batch>,
    pub(crate) publish: bool,
}

impl Backlog {
    /// Begins where so much is published already, and so much is durable.
    pub(crate) fn new(published: u64, size: u64) -> Self {
        Self { state: Mutex::new(State { published, size, ..State::default() }), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code runs under this lock that could panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until another batch may be put in, or says why none may.
    pub(crate) fn room(&self) -> Result<(), Refused> {
        let mut state = self.state();
        while state.bytes >= BYTES_AT_MOST {
            if let Some(refused) = &state.stuck {
                return Err(refused.clone());
            }
            state = self.wait(state, Duration::from_secs(1));
        }
        Ok(())
    }

    pub(crate) fn put(&self, batch: Batch) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_add(batch.entries.len());
        state.size = batch.first.saturating_add(u64::try_from(batch.leaves.len()).unwrap_or(0));
        // The publisher wakes by itself for the next checkpoint: only a large backlog is worth a call.
        let large = state.bytes >= BYTES_AT_MOST / 8;
        state.batches.push_back(batch);
        drop(state);
        if large {
            self.changed.notify_all();
        }
    }

    /// Waits for work. `None` once closed and empty.
    pub(crate) fn take(&self, interval: Duration) -> Option<Work> {
        let mut state = self.state();
        loop {
            let due =
                state.last.is_none_or(|last| last.elapsed() >= interval) && state.size > state.published;
            let wanted = state.wanted > state.published;
            if due || wanted || state.bytes >= BYTES_AT_MOST / 8 {
                let batches = std::mem::take(&mut state.batches);
                state.bytes = 0;
                self.changed.notify_all();
                return Some(Work { batches, publish: due || wanted });
            }
            if state.closed {
                let batches = std::mem::take(&mut state.batches);
                state.bytes = 0;
                return (!batches.is_empty()).then_some(Work { batches, publish: false });
            }
            // With nothing to publish there is nothing to hurry for; what comes in meanwhile waits its second at most.
            let left = state
                .last
                .filter(|_| state.size > state.published)
                .map(|last| interval.saturating_sub(last.elapsed()));
            state = self.wait(state, left.unwrap_or(interval).min(interval));
        }
    }

    pub(crate) fn published(&self, size: u64) {
        let mut state = self.state();
        state.published = size;
        state.stuck = None;
        state.last = Some(Instant::now());
        drop(state);
        self.changed.notify_all();
    }

    /// Nothing can be published just now. Returns after a while; `false` if it is not worth waiting any longer.
    pub(crate) fn stuck(&self, refused: Refused, retry: Duration) -> bool {
        let mut state = self.state();
        state.stuck = Some(refused);
        self.changed.notify_all();
        let until = Instant::now();
        while !state.closed && until.elapsed() < retry {
            state = self.wait(state, retry.saturating_sub(until.elapsed()));
        }
        !state.closed
    }

    /// Waits for a checkpoint of at least this size.
    pub(crate) fn publish(&self, size: u64) -> Result<u64, Refused> {
        let mut state = self.state();
        state.wanted = state.wanted.max(size);
        self.changed.notify_all();
        while state.published < size {
            if let Some(refused) = &state.stuck {
                return Err(refused.clone());
            }
            if state.closed {
                return Err(Refused::Closed);
            }
            state = self.wait(state, Duration::from_secs(1));
        }
        Ok(state.published)
    }

    /// How much is published, and why nothing more can be.
    pub(crate) fn status(&self) -> (u64, Option<Refused>) {
        let state = self.state();
        (state.published, state.stuck.clone())
    }

    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}
