//! Saves snapshots of the facts while the server runs, so that the next start has little to fold however old the log is
//! and however this server ends.
//!
//! The thread does what a start does: it opens the newest snapshot and folds the entries that came after it. Then it
//! goes on folding what is published, and saves the facts at exactly the size up to which it has folded. It does not
//! read the live table of uses, which is ahead of the log, and it holds no lock that a decision or the ledger's writer
//! waits for.

#[cfg(test)]
mod tests;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ledger::{Ledger, ReadError};
use tracing::{error, info};

use crate::bundles::ThreadError;
use crate::complaint::Complaint;
use crate::facts::{Amount, Folded, snapshot};

/// How much may come after a snapshot before the next one is due: whichever is reached first. A start folds some 100,000
/// entries or 80 MB a second, so this takes it about half a second. Opening a full table of uses takes it one more.
pub(super) const SCHEDULE: Amount = Amount { entries: 50_000, bytes: 32 * 1024 * 1024 };

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How many entries are folded before the thread looks whether it must stop or save: a tenth of a second of work.
const FOLDED_AT_ONCE: usize = 10_000;

/// Saving a full table of uses takes a second. After saving, the thread only folds for this many times as long, so
/// that it saves at most a quarter of the time, however busy the log is.
const REST_FACTOR: u32 = 3;

/// How long to wait after the log could not be read, or a snapshot could not be saved.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(10);

/// The thread. It ends when this is dropped: what it has begun is finished first, because nothing may be written once the
/// ledger belongs to another process.
#[derive(Debug)]
pub(super) struct SnapshotThread {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts to save snapshots of this ledger.
pub(super) fn start(ledger: Ledger, schedule: Amount) -> Result<SnapshotThread, ThreadError> {
    let (stop, stopped) = mpsc::channel();
    let thread = thread::Builder::new().name("snapshots".to_owned()).spawn(move || {
        let mut snapshots = Snapshots::of(ledger, schedule);
        let mut wait = Duration::ZERO;
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
            wait = snapshots.look();
        }
    });
    let thread = thread.map_err(|error| ThreadError { name: "snapshots".to_owned(), error })?;
    Ok(SnapshotThread { stop: Some(stop), thread: Some(thread) })
}

impl Drop for SnapshotThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            error!("the thread that saves snapshots panicked");
        }
    }
}

struct Snapshots {
    ledger: Ledger,
    schedule: Amount,
    /// The facts of all entries up to here; `None` until the newest snapshot is opened.
    facts: Option<Folded>,
    /// What came after the newest snapshot.
    since: Amount,
    /// No snapshot is saved before this.
    rest_until: Option<Instant>,
    complaint: Complaint,
}

impl Snapshots {
    fn of(ledger: Ledger, schedule: Amount) -> Snapshots {
        let (since, complaint) = (Amount::default(), Complaint::default());
        Snapshots { ledger, schedule, facts: None, since, rest_until: None, complaint }
    }

    /// Folds what is published, and saves a snapshot if one is due. Returns when to look again.
    fn look(&mut self) -> Duration {
        match self.fold_on().and_then(|()| self.save_if_due()) {
            Ok(()) => {
                if self.complaint.clear() {
                    info!("snapshots of the facts are saved again");
                }
                if self.is_behind() { Duration::ZERO } else { LOOK_EVERY }
            }
            Err(error) => {
                let reason = error.to_string();
                if self.complaint.raise(&reason) {
                    error!("no snapshot of the facts can be saved, so the next start takes longer: {reason}");
                }
                PAUSE_AFTER_ERROR
            }
        }
    }

    fn is_behind(&self) -> bool {
        self.facts.as_ref().is_some_and(|facts| facts.as_of < self.ledger.health().published)
    }

    fn fold_on(&mut self) -> Result<(), ReadError> {
        // Facts that an error left half folded are not used again.
        let mut facts = match self.facts.take() {
            Some(facts) => facts,
            None => {
                self.since = Amount::default();
                Folded::from_snapshots(self.ledger.snapshots()?, self.ledger.size())
            }
        };
        if facts.as_of < self.ledger.health().published {
            let folded = facts.fold_on(self.ledger.read_published(facts.as_of)?, FOLDED_AT_ONCE)?;
            self.since.entries = self.since.entries.saturating_add(folded.entries);
            self.since.bytes = self.since.bytes.saturating_add(folded.bytes);
        }
        self.facts = Some(facts);
        Ok(())
    }

    fn save_if_due(&mut self) -> Result<(), ReadError> {
        let is_due = self.since.entries >= self.schedule.entries || self.since.bytes >= self.schedule.bytes;
        let rests = self.rest_until.is_some_and(|until| Instant::now() < until);
        let Some(facts) = self.facts.as_ref().filter(|_| is_due && !rests) else { return Ok(()) };
        let began = Instant::now();
        self.ledger.save_snapshot(facts.as_of, snapshot::to_bytes(facts))?;
        let took = began.elapsed();
        self.rest_until = began.checked_add(took.saturating_mul(REST_FACTOR.saturating_add(1)));
        info!(as_of = facts.as_of, entries = self.since.entries, ?took, "saved a snapshot of the facts");
        self.since = Amount::default();
        Ok(())
    }
}
