//! Folds the ledger into what the server must know when it starts: which uses are burned, which bundle was last in
//! force, the mesh's posture. Folding begins at the newest snapshot of these facts, if there is one.

use ledger::entry::{Activation, BurnKind, Entry, FactScope, Posture, PostureChange, RecordedBurn};
use ledger::{Ledger, ReadError, RecordedEntry};
use warrant::Seconds;

use super::burns::{BurnTable, BurnedItem};
use super::ended::EndedDecisions;
use super::snapshot;

/// This many entries are folded in a moment; if there were more, a snapshot is saved for the next start.
const MANY: u64 = 100_000;

/// The facts that this server needs from the ledger.
#[derive(Debug, Default)]
pub struct Folded {
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

/// Folds everything that is durable now, and returns the size up to which it was folded.
pub fn fold(ledger: &Ledger, now: Seconds) -> Result<(Folded, u64), ReadError> {
    let saved =
        ledger.snapshot()?.and_then(|saved| Some((snapshot::from_bytes(&saved.facts)?, saved.head.size)));
    let (mut folded, from) = saved.unwrap_or_default();
    let records = ledger.read(from)?;
    let size = records.size();
    for record in records {
        folded.add(record?, now);
    }
    if size.saturating_sub(from) > MANY {
        ledger.save_snapshot(size, snapshot::to_bytes(&folded, now))?;
    }
    Ok((folded, size))
}

impl Folded {
    fn add(&mut self, record: RecordedEntry, now: Seconds) {
        let time = Seconds::new(record.stamps.time / 1000);
        match record.entry {
            Entry::Decision(decision) => {
                for burned in &decision.burned {
                    self.burns.restore_recorded(&burned_item(burned), now, &decision.id);
                }
            }
            Entry::Outcome(outcome) => {
                self.ended.note(outcome.index);
            }
            Entry::Activation(activation) => self.activation = Some(activation),
            Entry::Posture(PostureChange { scope: FactScope::Mesh, stance, .. }) => {
                self.posture = Some(stance)
            }
            Entry::Init(init) if init.restored.is_some() => self.burns_lost_at = Some(time),
            Entry::Start(start) if start.torn.is_some() => self.burns_lost_at = Some(time),
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
            | Entry::Archived(_) => {}
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
