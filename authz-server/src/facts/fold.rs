//! Folding the ledger into what must be known at start: what was spent, which bundle was last in force, how the mesh
//! stands. It begins at the newest snapshot of these facts, where there is one.

use ledger::entry::{Activation, BurnKind, Entry, FactScope, Posture, PostureChange, RecordedBurn};
use ledger::{Ledger, ReadError, RecordedEntry};
use warrant::Seconds;

use super::ended::Ended;
use super::snapshot;
use super::spent::{Spent, Uses};

/// So many entries are folded faster than anybody waits; after more, a snapshot is kept for the next start.
const MANY: u64 = 100_000;

/// What the record says, as far as this server asks it.
#[derive(Debug, Default)]
pub struct Folded {
    pub uses: Uses,
    /// The newest activation, which no older bundle may undo.
    pub activation: Option<Activation>,
    /// How much is allowed in the mesh at all, where that was ever said.
    pub stance: Option<Posture>,
    /// When a start last had to cut off what a crash had left half-written, or this log began in place of one that was
    /// brought back from a backup: of what was spent before, nothing is known for sure.
    pub forgot: Option<Seconds>,
    /// Which decisions have had their outcome.
    pub ended: Ended,
}

/// Everything that is durable now; returns the size up to which it was folded.
pub fn fold(ledger: &Ledger, now: Seconds) -> Result<(Folded, u64), ReadError> {
    let kept = ledger.snapshot()?.and_then(|kept| Some((snapshot::from_bytes(&kept.facts)?, kept.head.size)));
    let (mut folded, from) = kept.unwrap_or_default();
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
                    self.uses.recall(&spent(burned), now, &decision.id);
                }
            }
            Entry::Outcome(outcome) => {
                if let Some(index) = outcome.index {
                    self.ended.note(index);
                }
            }
            Entry::Activation(activation) => self.activation = Some(activation),
            Entry::Posture(PostureChange { scope: FactScope::Mesh, stance, .. }) => {
                self.stance = Some(stance)
            }
            Entry::Init(init) if init.restored.is_some() => self.forgot = Some(time),
            Entry::Start(start) if start.torn.is_some() => self.forgot = Some(time),
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

fn spent(burned: &RecordedBurn) -> Spent {
    let (owner, name, until) = (burned.owner.clone(), burned.name.clone(), Seconds::new(burned.until));
    match burned.what {
        BurnKind::Use => Spent::Link { iss: owner, path: name, until },
        BurnKind::Proof => Spent::Proof { thumbprint: owner, jti: name, until },
    }
}
