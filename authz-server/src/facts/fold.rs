//! Folds the ledger into what the server must know when it starts: which uses are burned, which bundle was last in
//! force, what is revoked, attested and halted. Folding begins at the newest snapshot of these facts that can be used.

use ledger::entry::{BurnKind, Decision, Entry, RecordedBurn};
use ledger::{ClosedLedger, Ledger, ReadError, RecordedEntries, RecordedEntry, Snapshot};
use tracing::warn;
use warrant::Seconds;

use super::after_restore::AfterRestore;
use super::burns::{BurnTable, BurnedItem, RootTag};
use super::ended::EndedDecisions;
use super::snapshot;
use super::tables::Tables;

/// The facts that this server needs from the ledger, at one size of it.
#[derive(Debug, Default)]
pub struct Folded {
    /// The size of the ledger: these facts are those of the entries below it, and of no other.
    pub as_of: u64,
    /// The time of the last of these entries. Uses are forgotten by this time, and by no clock.
    pub time: Seconds,
    pub burns: BurnTable,
    pub tables: Tables,
    /// When burned uses were last lost: a start had to cut off an entry that a crash had left half-written, or this log
    /// replaced one that was restored from a backup. What was burned before that time is not known for sure.
    pub burns_lost_at: Option<Seconds>,
    /// Which decisions have an outcome.
    pub ended: EndedDecisions,
    /// The beginning of this log, if it continues one that was restored from a backup.
    pub after_restore: Option<AfterRestore>,
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
    let folded = facts.fold_on(ledger.read(facts.as_of)?, usize::MAX)?;
    Ok((facts, folded))
}

/// Folds everything of a ledger that nobody writes.
pub fn fold_closed(ledger: &ClosedLedger) -> Result<Folded, ReadError> {
    let mut facts = Folded::from_snapshots(ledger.snapshots()?, ledger.head().size);
    for record in ledger.entries(facts.as_of)? {
        facts.take(record?);
    }
    Ok(facts)
}

/// A log with at most this many entries may have no snapshot yet, so nothing is logged about it.
const FEW: u64 = 100_000;

impl Folded {
    /// The facts of the newest of these snapshots that can be used. Without one: no facts, as of size 0. `size` is that of the
    /// log.
    pub fn from_snapshots(mut snapshots: impl Iterator<Item = Snapshot>, size: u64) -> Folded {
        let opened = snapshots.find_map(|saved| {
            let facts = snapshot::from_bytes(&saved.facts);
            if facts.is_none() {
                warn!(size = saved.head.size, "the facts in this snapshot have another form; it is not used");
            }
            Some(Folded { as_of: saved.head.size, ..facts? })
        });
        if opened.is_none() && size > FEW {
            warn!(entries = size, "there is no usable snapshot of the facts: all entries are folded");
        }
        opened.unwrap_or_default()
    }

    /// Folds the entries that come after these facts, at most this many: `records` must begin at `as_of`.
    pub fn fold_on(&mut self, mut records: RecordedEntries, most: usize) -> Result<Amount, ReadError> {
        let mut entries = 0_u64;
        for record in records.by_ref().take(most) {
            self.take(record?);
            entries = entries.saturating_add(1);
        }
        Ok(Amount { entries, bytes: records.bytes() })
    }

    fn take(&mut self, record: RecordedEntry) {
        let (index, time) = (record.index, record.stamps.time);
        self.as_of = index.saturating_add(1);
        self.time = Seconds::new(time / 1000);
        self.tables.add(index, time, &record.entry);
        self.tables.forget_ended(self.time);
        AfterRestore::take(&mut self.after_restore, &record.entry);
        match record.entry {
            Entry::Decision(decision) => self.add_burned(&decision),
            Entry::Outcome(outcome) => {
                self.ended.note(outcome.index);
            }
            Entry::Init(init) if init.restored.is_some() => self.burns_lost_at = Some(self.time),
            Entry::Start(start) if start.torn.is_some() => self.burns_lost_at = Some(self.time),
            Entry::Init(_)
            | Entry::Activation(_)
            | Entry::Posture(_)
            | Entry::Start(_)
            | Entry::Stop(_)
            | Entry::Denials(_)
            | Entry::Issued(_)
            | Entry::Revocation(_)
            | Entry::Reinstate(_)
            | Entry::Attestation(_)
            | Entry::Condition(_)
            | Entry::Ungoverned(_)
            | Entry::Gap(_)
            | Entry::Archived(_)
            | Entry::Reads(_)
            | Entry::Restored(_) => {}
        }
    }

    fn add_burned(&self, decision: &Decision) {
        let root = RootTag::of(decision);
        for burned in &decision.burned {
            self.burns.restore_recorded(&burned_item(burned), self.time, root, &decision.id);
        }
    }
}

fn burned_item(burned: &RecordedBurn) -> BurnedItem {
    let (owner, name, until) = (burned.owner.clone(), burned.name.clone(), Seconds::new(burned.until));
    match burned.what {
        BurnKind::Use => BurnedItem::Link { iss: owner, path: name, until },
        BurnKind::Proof => BurnedItem::Proof { thumbprint: owner, jti: name, until },
    }
}
