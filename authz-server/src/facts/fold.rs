//! Folds the ledger into what the server must know when it starts: which uses are burned, which bundle was last in
//! force, the mesh's posture. Folding begins at the newest snapshot of these facts that can be used.

use ledger::entry::{Activation, BurnKind, Decision, Entry, FactScope, Posture, PostureChange, RecordedBurn};
use ledger::{Ledger, ReadError, RecordedEntries, RecordedEntry};
use tracing::warn;
use warrant::Seconds;

use super::burns::{BurnTable, BurnedItem, RootTag};
use super::ended::EndedDecisions;
use super::snapshot;

/// The facts that this server needs from the ledger, at one size of it.
#[derive(Debug, Default)]
pub struct Folded {
    /// The size of the ledger: these facts are those of the entries below it, and of no other.
    pub as_of: u64,
    /// The time of the last of these entries. Uses are forgotten by this time, and by no clock.
    pub time: Seconds,
    pub burns: BurnTable,
    /// The newest activation, which no older bundle may undo.
    pub activation: Option<Activation>,
    /// The mesh's posture, if it was ever recorded.
    pub posture: Option<Posture>,
    /// When burned uses were last lost: a start had to cut off an entry that a crash had left half-written, or this log
    /// replaced one that was restored from a backup. What was burned before that time is not known for sure.
    pub burns_lost_at: Option<Seconds>,
    /// Which decisions have an outcome.
    pub ended: EndedDecisions,
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
    let mut facts = Folded::from_snapshot(ledger)?;
    let folded = facts.fold_on(ledger.read(facts.as_of)?, usize::MAX)?;
    Ok((facts, folded))
}

/// A log with at most this many entries may have no snapshot yet, so nothing is logged about it.
const FEW: u64 = 100_000;

impl Folded {
    /// The facts of the newest snapshot that can be used. Without one: no facts, as of size 0.
    pub fn from_snapshot(ledger: &Ledger) -> Result<Folded, ReadError> {
        let opened = ledger.snapshots()?.find_map(|saved| {
            let facts = snapshot::from_bytes(&saved.facts);
            if facts.is_none() {
                warn!(size = saved.head.size, "the facts in this snapshot have another form; it is not used");
            }
            Some(Folded { as_of: saved.head.size, ..facts? })
        });
        if opened.is_none() && ledger.size() > FEW {
            warn!(
                entries = ledger.size(),
                "there is no usable snapshot of the facts: all entries are folded"
            );
        }
        Ok(opened.unwrap_or_default())
    }

    /// Folds the entries that come after these facts, at most this many: `records` must begin at `as_of`.
    pub fn fold_on(&mut self, mut records: RecordedEntries, most: usize) -> Result<Amount, ReadError> {
        let mut entries = 0_u64;
        for record in records.by_ref().take(most) {
            let record = record?;
            self.as_of = record.index.saturating_add(1);
            self.add(record);
            entries = entries.saturating_add(1);
        }
        Ok(Amount { entries, bytes: records.bytes() })
    }

    fn add(&mut self, record: RecordedEntry) {
        self.time = Seconds::new(record.stamps.time / 1000);
        match record.entry {
            Entry::Decision(decision) => self.add_burned(&decision),
            Entry::Outcome(outcome) => {
                self.ended.note(outcome.index);
            }
            Entry::Activation(activation) => self.activation = Some(activation),
            Entry::Posture(PostureChange { scope: FactScope::Mesh, stance, .. }) => {
                self.posture = Some(stance)
            }
            Entry::Init(init) if init.restored.is_some() => self.burns_lost_at = Some(self.time),
            Entry::Start(start) if start.torn.is_some() => self.burns_lost_at = Some(self.time),
            Entry::Init(_)
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
