//! Floods of denials: decides which denials are recorded one by one, and which are only counted until their summary
//! is due.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::Entry;
use ledger::entry::{Denials, Nonce, Stamps};
use ledger::flood::{Budget, Flood, Rate, RecordAs};
use warrant::Denial;

use crate::clock::Clock;

#[derive(Debug)]
pub(super) struct Floods {
    flood: Mutex<Flood>,
    /// Summaries that the ledger did not take.
    postponed: Mutex<Vec<Denials>>,
    clock: Clock,
}

impl Floods {
    pub(super) fn new(a_second: u32, clock: Clock) -> Floods {
        let flood = Mutex::new(Flood::new(Rate { all: Budget::of_entries(a_second), ..Rate::default() }));
        Floods { flood, postponed: Mutex::default(), clock }
    }

    /// Decides how this denial is recorded. `length` is that of its entry. If only a summary counts it, it is counted
    /// here.
    pub(super) fn admit(&self, denial: Denial, source: &str, entry: &Entry, length: usize) -> RecordAs {
        let now = self.clock.milliseconds();
        // The entry's nonce would be random; a summary only needs the rest of the bytes.
        let stamps = Stamps { nonce: Nonce([0; 16]), time: now };
        let bytes = || entry.to_bytes(stamps).unwrap_or_default();
        self.flood().admit(now, source, denial.code(), length, bytes)
    }

    /// Counts a denial that has no entry; its summary knows only its name.
    pub(super) fn count(&self, reason: &str, source: &str, name: &str) {
        self.flood().count(self.clock.milliseconds(), source, reason, name.as_bytes());
    }

    /// The summaries that are due.
    pub(super) fn due(&self, all: bool) -> Vec<Denials> {
        let mut due = std::mem::take(&mut *self.postponed());
        due.extend(self.flood().due(self.clock.milliseconds(), all));
        due
    }

    /// Keeps a summary that could not be recorded now, for the next time. A full queue or disk should not last; if it does, a
    /// limited number is kept.
    pub(super) fn postpone(&self, denials: Denials) {
        const POSTPONED_AT_MOST: usize = 4096;
        let mut postponed = self.postponed();
        if postponed.len() < POSTPONED_AT_MOST {
            postponed.push(denials);
        }
    }

    fn postponed(&self) -> MutexGuard<'_, Vec<Denials>> {
        self.postponed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flood(&self) -> MutexGuard<'_, Flood> {
        // A count stays usable even if a thread panicked while changing it.
        self.flood.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
