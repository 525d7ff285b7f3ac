//! Folds the ledger into what the server must know when it starts: which uses are burned, which bundle was last in
//! force, what is revoked, attested and halted. Folding begins at the newest snapshot of these facts that can be used.

use std::io;

use ledger::entry::{Decision, Entry};
use ledger::{ClosedLedger, Ledger, ReadError, RecordedEntries, RecordedEntry, Snapshot};
use tracing::warn;

use super::burns::{BurnTable, RootTag, recorded_items};
use super::own::OwnFacts;
use super::snapshot;
use super::tables::Tables;

/// The facts that this server needs from the ledger, at one size of it.
#[derive(Debug, Default)]
pub struct Folded {
    pub own: OwnFacts,
    pub burns: BurnTable,
    pub tables: Tables,
}

/// How much was folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub entries: u64,
    /// The bytes of these entries.
    pub bytes: u64,
}

/// Folds everything that is durable now. Returns the facts, and how much came after the snapshot that was used.
pub fn fold(ledger: &Ledger) -> Result<(Folded, Amount), ReadError> {
    let mut facts = Folded::from_snapshots(ledger.snapshots()?, ledger.size());
    let folded = facts.fold_on(ledger.read(facts.own.as_of)?)?;
    Ok((facts, folded))
}

/// Folds everything of a ledger that nobody writes.
pub fn fold_closed(ledger: &ClosedLedger) -> Result<Folded, ReadError> {
    let mut facts = Folded::from_snapshots(ledger.snapshots()?, ledger.head().size);
    for record in ledger.entries(facts.own.as_of)? {
        facts.take(&record?);
    }
    Ok(facts)
}

/// A log with at most this many entries may have no snapshot yet, so nothing is logged about it.
const FEW: u64 = 100_000;

/// What `read` makes of the newest of these snapshots that can be used. `size` is that of the log.
pub(super) fn from_newest<T>(
    mut snapshots: impl Iterator<Item = Snapshot>,
    size: u64,
    read: impl Fn(Snapshot) -> io::Result<T>,
) -> Option<T> {
    let found = snapshots.find_map(|snapshot| {
        let at = snapshot.saved.head.size;
        let unusable = |error: &io::Error| warn!(size = at, %error, "this snapshot of the facts is not used");
        read(snapshot).inspect_err(unusable).ok()
    });
    if found.is_none() && size > FEW {
        warn!(entries = size, "there is no usable snapshot of the facts: all entries are folded");
    }
    found
}

impl Folded {
    /// The facts of the newest of these snapshots that can be used. Without one: no facts, as of size 0. `size` is that of the
    /// log.
    fn from_snapshots(snapshots: impl Iterator<Item = Snapshot>, size: u64) -> Folded {
        from_newest(snapshots, size, snapshot::read).unwrap_or_default()
    }

    /// Folds the entries that come after these facts: `records` must begin at `as_of`.
    pub fn fold_on(&mut self, records: RecordedEntries) -> Result<Amount, ReadError> {
        let (mut records, mut entries) = (records.ahead(), 0_u64);
        for record in records.by_ref() {
            self.take(&record?);
            entries = entries.saturating_add(1);
        }
        Ok(Amount { entries, bytes: records.bytes() })
    }

    fn take(&mut self, record: &RecordedEntry) {
        self.own.take(record);
        self.tables.add(record.index, record.stamps.time, &record.entry);
        self.tables.forget_ended(self.own.time);
        if let Entry::Decision(decision) = &record.entry {
            self.add_burned(decision);
        }
    }

    fn add_burned(&self, decision: &Decision) {
        let root = RootTag::of(decision);
        for item in recorded_items(decision) {
            self.burns.restore_recorded(&item, self.own.time, root, &decision.id);
        }
    }
}
