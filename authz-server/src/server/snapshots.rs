//! Saves snapshots of the facts while the server runs, so that the next start has little to fold however old the log is
//! and however this server ends.
//!
//! The thread folds what is published after the newest snapshot, up to a size at which it takes what is known live, and
//! writes both together. It does not read the live table of uses, which is ahead of the log, and it holds no lock that a
//! decision or the ledger's writer waits for.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use ledger::{Ledger, ReadError};
use tracing::{error, info};

use super::repeating::{self, RepeatingThread};
use crate::bundles::ThreadError;
use crate::complaint::Complaint;
use crate::facts::{Amount, KnownTables, Since};

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

/// What is known live.
type Known = Box<dyn Fn() -> KnownTables + Send>;

/// Starts to save snapshots of this ledger. The thread must have ended before the ledger belongs to another process.
pub(super) fn start(ledger: Ledger, known: Known, schedule: Amount) -> Result<RepeatingThread, ThreadError> {
    let mut snapshots = Snapshots::of(ledger, known, schedule);
    repeating::start("snapshots", move || snapshots.look())
}

struct Snapshots {
    ledger: Ledger,
    known: Known,
    schedule: Amount,
    /// What came after the newest snapshot, up to here; `None` until that is opened.
    since: Option<Since>,
    folded: Amount,
    /// The facts with which the next snapshot is written, once it is due.
    next: Option<KnownTables>,
    /// No snapshot is saved before this.
    rest_until: Option<Instant>,
    complaint: Complaint,
}

impl Snapshots {
    fn of(ledger: Ledger, known: Known, schedule: Amount) -> Snapshots {
        Snapshots {
            ledger,
            known,
            schedule,
            since: None,
            folded: Amount::default(),
            next: None,
            rest_until: None,
            complaint: Complaint::default(),
        }
    }

    /// Folds what is published, and saves a snapshot if one is due. Returns when to look again.
    fn look(&mut self) -> Duration {
        // What an error left is not used again.
        let since = self.since.take().map_or_else(|| self.begin(), Ok);
        match since.and_then(|since| self.go_on(since)) {
            Ok(since) => {
                if self.complaint.clear() {
                    info!("snapshots of the facts are saved again");
                }
                let is_behind = since.as_of() < self.ledger.health().published;
                self.since = Some(since);
                if is_behind { Duration::ZERO } else { LOOK_EVERY }
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

    fn begin(&mut self) -> Result<Since, ReadError> {
        (self.folded, self.next) = (Amount::default(), None);
        Since::newest_snapshot(&self.ledger)
    }

    fn go_on(&mut self, mut since: Since) -> Result<Since, ReadError> {
        self.fold_on(&mut since)?;
        if self.next.is_none() && self.is_due() {
            // It has at least the size that is published.
            self.next = Some((self.known)());
            self.fold_on(&mut since)?;
        }
        match self.next.take_if(|next| next.as_of == since.as_of()) {
            Some(known) => self.save(since, &known),
            None => Ok(since),
        }
    }

    /// Folds what is published, but not past the size of the next snapshot.
    fn fold_on(&mut self, since: &mut Since) -> Result<(), ReadError> {
        let until = self.next.as_ref().map_or(u64::MAX, |next| next.as_of);
        if since.as_of() < self.ledger.health().published.min(until) {
            let most = usize::try_from(until.saturating_sub(since.as_of())).unwrap_or(usize::MAX);
            let records = self.ledger.read_published(since.as_of())?;
            let Amount { entries, bytes } = since.fold_on(records, most.min(FOLDED_AT_ONCE))?;
            self.folded.entries = self.folded.entries.saturating_add(entries);
            self.folded.bytes = self.folded.bytes.saturating_add(bytes);
        }
        Ok(())
    }

    fn is_due(&self) -> bool {
        let rests = self.rest_until.is_some_and(|until| Instant::now() < until);
        let Amount { entries, bytes } = self.folded;
        !rests && (entries >= self.schedule.entries || bytes >= self.schedule.bytes)
    }

    fn save(&mut self, since: Since, known: &KnownTables) -> Result<Since, ReadError> {
        let began = Instant::now();
        let since = since.save(&self.ledger, known)?;
        let took = began.elapsed();
        self.rest_until = began.checked_add(took.saturating_mul(REST_FACTOR.saturating_add(1)));
        info!(as_of = known.as_of, entries = self.folded.entries, ?took, "saved a snapshot of the facts");
        self.folded = Amount::default();
        Ok(since)
    }
}
