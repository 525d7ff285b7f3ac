//! Denials that come in floods: which are recorded one by one, and which are only counted until their summary is due.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::Entry;
use ledger::entry::{Denials, Nonce, Stamps};
use ledger::flood::{Flood, Rate, RecordAs};
use warrant::Denial;

use crate::clock::Clock;

#[derive(Debug)]
pub(super) struct Floods {
    flood: Mutex<Flood>,
    /// Summaries for which there was no place in the queue to the disk.
    postponed: Mutex<Vec<Denials>>,
    clock: Clock,
}

impl Floods {
    pub(super) fn new(a_second: u32, clock: Clock) -> Floods {
        let flood = Mutex::new(Flood::new(Rate { all: a_second, ..Rate::default() }));
        Floods { flood, postponed: Mutex::default(), clock }
    }

    /// Whether this denial is one too many to be recorded by itself. Then it is counted.
    pub(super) fn swallows(&self, denial: Denial, source: &str, entry: &Entry) -> bool {
        let now = self.clock.milliseconds();
        // Its nonce would have been random: a summary stands for the rest.
        let stamps = Stamps { nonce: Nonce([0; 16]), time: now };
        let bytes = || entry.to_bytes(stamps).unwrap_or_default();
        self.flood().admit(now, source, denial.code(), bytes) == RecordAs::Summary
    }

    /// Counts a denial of which there is no entry: what it was is told by its name only.
    pub(super) fn count(&self, reason: &str, source: &str, name: &str) {
        self.flood().count(self.clock.milliseconds(), source, reason, name.as_bytes());
    }

    /// The summaries that are due.
    pub(super) fn due(&self, all: bool) -> Vec<Denials> {
        let mut due = std::mem::take(&mut *self.postponed());
        due.extend(self.flood().due(self.clock.milliseconds(), all));
        due
    }

    /// One that could not be recorded now is due the next time. Full queues do not last; should one, so many are kept.
    pub(super) fn postpone(&self, denials: Denials) {
        const KEPT: usize = 4096;
        let mut postponed = self.postponed();
        if postponed.len() < KEPT {
            postponed.push(denials);
        }
    }

    fn postponed(&self) -> MutexGuard<'_, Vec<Denials>> {
        self.postponed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flood(&self) -> MutexGuard<'_, Flood> {
        // A count half-way through a change is still a count.
        self.flood.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
