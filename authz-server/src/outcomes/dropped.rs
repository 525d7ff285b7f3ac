//! How many outcomes were dropped because too many others were waiting, until an entry in the ledger says so.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::RecordError;
use ledger::entry::Gap;

#[derive(Debug, Default)]
pub(super) struct DroppedOutcomes(Mutex<Option<Gap>>);

impl DroppedOutcomes {
    pub(super) fn count(&self, now: u64) {
        self.add(Gap { count: 1, first: now, last: now, reason: RecordError::QueueFull.word().to_owned() });
    }

    /// Takes the entry about the dropped outcomes. After that, none is counted.
    pub(super) fn take(&self) -> Option<Gap> {
        self.gap().take()
    }

    /// Keeps an entry that could not be recorded, for the next one.
    pub(super) fn put_back(&self, gap: Gap) {
        self.add(gap);
    }

    fn add(&self, more: Gap) {
        let mut gap = self.gap();
        match &mut *gap {
            Some(gap) => {
                gap.count = gap.count.saturating_add(more.count);
                gap.first = gap.first.min(more.first);
                gap.last = gap.last.max(more.last);
            }
            none @ None => *none = Some(more),
        }
    }

    fn gap(&self) -> MutexGuard<'_, Option<Gap>> {
        // Only whole values are stored under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
