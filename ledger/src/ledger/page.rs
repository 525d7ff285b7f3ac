//! The page that the writer is filling: which entries of a batch are taken, in which order, with which time.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Done;
use super::queue::Job;
use crate::canonical::INTEGER_MAX;
use crate::entry::{Decision, Entry, concerns};
use crate::fault::Refused;
use crate::merkle::{Edge, Hash, leaf_hash};
use crate::wal::frame::{self, Entries};

/// How far a decision's clock may be ahead of the wall clock seen here, in milliseconds.
const CLOCK_AHEAD: u64 = 5_000;

/// How many facts are remembered. A judge that is further behind judges again.
const FACTS_AT_MOST: usize = 1024;

/// The facts that a judge may not have read yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Nothing is remembered of what was below this size.
    floor: u64,
    recent: VecDeque<(u64, Arc<Entry>)>,
}

impl Facts {
    /// A new server's judges have read everything that was there before.
    pub(crate) fn from(size: u64) -> Self {
        Self { floor: size, recent: VecDeque::new() }
    }

    pub(crate) fn add(&mut self, index: u64, fact: Arc<Entry>) {
        self.recent.push_back((index, fact));
        if self.recent.len() > FACTS_AT_MOST {
            let forgotten = self.recent.pop_front();
            self.floor = forgotten.map_or(self.floor, |(index, _)| index.saturating_add(1));
        }
    }

    /// Whether a fact that this judge had not read might have made it say something else.
    fn overtook(&self, decision: &Decision) -> bool {
        let unread = self.recent.iter().rev().take_while(|(index, _)| *index >= decision.as_of);
        decision.as_of < self.floor || unread.into_iter().any(|(_, fact)| concerns(fact, decision))
    }
}

/// One who waits for an entry on the page.
pub(crate) struct Waiting {
    pub(crate) done: Done,
    pub(crate) index: u64,
    pub(crate) time: u64,
    pub(crate) fact: bool,
}

#[derive(Default)]
pub(crate) struct Page {
    pub(crate) entries: Vec<u8>,
    pub(crate) leaves: Vec<Hash>,
    pub(crate) edge: Edge,
    pub(crate) time: u64,
    /// Facts on this page; they count for what is behind them on it too.
    pub(crate) facts: Vec<(u64, Arc<Entry>)>,
    pub(crate) waiting: Vec<Waiting>,
}

impl Page {
    pub(crate) fn new(edge: Edge, time: u64) -> Self {
        Self { edge, time, ..Self::default() }
    }

    pub(crate) fn add(&mut self, job: Job, known: &Facts, now: u64) {
        let index = self.edge.size();
        let time = match self.admit(&job.entry, known, now) {
            Ok(time) => time,
            Err(refused) => return (job.done)(Err(refused)),
        };
        let at = self.entries.len();
        frame::push_entry(&mut self.entries, |out| job.draft.stamp(time, out));
        if let Some(Some(entry)) = Entries(self.entries.get(at..).unwrap_or(&[])).next() {
            let leaf = leaf_hash(entry);
            self.edge.append(leaf);
            self.leaves.push(leaf);
        }
        self.time = time;
        let fact = job.entry.is_fact();
        if fact {
            self.facts.push((index, Arc::new(job.entry)));
        }
        self.waiting.push(Waiting { done: job.done, index, time, fact });
    }

    /// The time to stamp, or why it cannot be recorded.
    fn admit(&self, entry: &Entry, known: &Facts, now: u64) -> Result<u64, Refused> {
        let time = now.max(self.time).min(INTEGER_MAX);
        let Entry::Decision(decision) = entry else { return Ok(time) };
        let clock = decision.clock.saturating_mul(1000);
        if clock > time.saturating_add(CLOCK_AHEAD) {
            return Err(Refused::ClockAhead);
        }
        let here = self.facts.iter().any(|(_, fact)| concerns(fact, decision));
        if decision.forwards() && (here || decision.as_of > self.edge.size() || known.overtook(decision)) {
            return Err(Refused::Stale);
        }
        Ok(time.max(clock))
    }
}
