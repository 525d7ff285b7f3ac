//! The entries that are durable and not yet published: a queue, limited in bytes, between the writer and the publisher.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::fault::RecordError;
use crate::ledger::Wake;
use crate::wal::reader::Batch;

/// How many bytes may wait. At this limit decisions wait too: otherwise the backlog would grow without end while
/// entries arrive faster than the disk can store their bundles.
const BYTES_AT_MOST: usize = 8 * 1024 * 1024;

/// How many bytes may wait if the entries that come are facts alone: decisions that nobody publishes keep no fact out.
const BYTES_AT_MOST_FOR_FACTS: usize = BYTES_AT_MOST + 4 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Backlog {
    state: Mutex<BacklogState>,
    changed: Condvar,
    /// The writer, which waits for space.
    writer: Wake,
}

#[derive(Debug, Default)]
struct BacklogState {
    batches: VecDeque<Batch>,
    bytes: usize,
    /// The log's size after the last batch in the queue.
    size: u64,
    published: u64,
    /// A caller waits for a checkpoint of at least this size.
    wanted: u64,
    stuck: Option<RecordError>,
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
    /// An empty backlog of a log with this published size and this durable size.
    pub(crate) fn new(published: u64, size: u64, writer: Wake) -> Self {
        Self {
            state: Mutex::new(BacklogState { published, size, ..BacklogState::default() }),
            changed: Condvar::new(),
            writer,
        }
    }

    fn state(&self) -> MutexGuard<'_, BacklogState> {
        // No code under this lock can panic in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, BacklogState>, most: Duration) -> MutexGuard<'a, BacklogState> {
        self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Whether there is space for another batch now. It is an error if there is none and the publisher is stuck.
    pub(crate) fn has_space(&self) -> Result<bool, RecordError> {
        self.has_below(BYTES_AT_MOST)
    }

    /// The same for a batch of facts.
    pub(crate) fn has_space_for_facts(&self) -> Result<bool, RecordError> {
        self.has_below(BYTES_AT_MOST_FOR_FACTS)
    }

    fn has_below(&self, most: usize) -> Result<bool, RecordError> {
        let state = self.state();
        match &state.stuck {
            _ if state.bytes < most => Ok(true),
            Some(refused) => Err(refused.clone()),
            None => Ok(false),
        }
    }

    pub(crate) fn put(&self, batch: Batch) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_add(batch.entries.len());
        state.size = batch.first.saturating_add(u64::try_from(batch.leaves.len()).unwrap_or(0));
        // The publisher wakes by itself for the next checkpoint. Only a large backlog has to wake it.
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
            // The last checkpoint is published after this. If nothing can be published, it must end all the same.
            if state.closed {
                let batches = std::mem::take(&mut state.batches);
                state.bytes = 0;
                self.writer.wake();
                return (!batches.is_empty()).then_some(Work { batches, publish: false });
            }
            let due =
                state.last.is_none_or(|last| last.elapsed() >= interval) && state.size > state.published;
            let wanted = state.wanted > state.published;
            if due || wanted || state.bytes >= BYTES_AT_MOST / 8 {
                let batches = std::mem::take(&mut state.batches);
                state.bytes = 0;
                self.changed.notify_all();
                self.writer.wake();
                return Some(Work { batches, publish: due || wanted });
            }
            // If there is nothing to publish now, an entry that arrives meanwhile waits at most one interval.
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

    /// Reports that nothing can be published now, and waits for `retry`. Returns `false` if the ledger is being closed.
    pub(crate) fn wait_while_stuck(&self, refused: RecordError, retry: Duration) -> bool {
        let mut state = self.state();
        state.stuck = Some(refused);
        self.changed.notify_all();
        self.writer.wake();
        let began = Instant::now();
        while !state.closed && began.elapsed() < retry {
            state = self.wait(state, retry.saturating_sub(began.elapsed()));
        }
        !state.closed
    }

    /// Waits for a checkpoint of at least this size.
    pub(crate) fn publish(&self, size: u64) -> Result<u64, RecordError> {
        let mut state = self.state();
        state.wanted = state.wanted.max(size);
        self.changed.notify_all();
        while state.published < size {
            if let Some(refused) = &state.stuck {
                return Err(refused.clone());
            }
            if state.closed {
                return Err(RecordError::Closed);
            }
            state = self.wait(state, Duration::from_secs(1));
        }
        Ok(state.published)
    }

    /// The published size, and why nothing more can be published.
    pub(crate) fn status(&self) -> (u64, Option<RecordError>) {
        let state = self.state();
        (state.published, state.stuck.clone())
    }

    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_that_is_stuck_refuses_decisions_first_and_facts_later() {
        let backlog = Backlog::new(0, 0, Wake::default());
        let put = |bytes| backlog.put(Batch { first: 0, entries: vec![0; bytes], leaves: vec![] });
        let stuck = Err(RecordError::DiskFull);
        assert!(backlog.wait_while_stuck(RecordError::DiskFull, Duration::ZERO));
        put(BYTES_AT_MOST - 1);
        assert_eq!(backlog.has_space(), Ok(true));
        put(1);
        assert_eq!((backlog.has_space(), backlog.has_space_for_facts()), (stuck.clone(), Ok(true)));
        put(4 * 1024 * 1024);
        assert_eq!(backlog.has_space_for_facts(), stuck);
    }

    #[test]
    fn a_closed_backlog_ends_even_if_nothing_can_be_published() {
        let backlog = Backlog::new(0, 1, Wake::default());
        backlog.put(Batch { first: 1, entries: vec![0], leaves: vec![[0; 32]] });
        backlog.close();
        assert!(backlog.take(Duration::ZERO).is_some_and(|work| work.batches.len() == 1));
        assert!(backlog.take(Duration::ZERO).is_none());
    }
}
