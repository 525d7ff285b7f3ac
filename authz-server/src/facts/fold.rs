//! Folding the ledger into what must be known at start: what was spent, and which bundle was last in force.

use ledger::entry::{Activation, Burn, Burned, Entry};
use ledger::{Ledger, ReadError};
use warrant::Seconds;

use super::replay::{Spent, Uses};

/// What the record says, as far as this server asks it.
#[derive(Debug, Default)]
pub struct Folded {
    pub uses: Uses,
    /// The newest activation, which no older bundle may undo.
    pub activation: Option<Activation>,
    /// When a start last had to cut off what a crash had left half-written: an acknowledged use may have been in it.
    pub forgot: Option<Seconds>,
}

/// `now` is only for passing over what is long past.
pub fn fold(ledger: &Ledger, now: Seconds) -> Result<Folded, ReadError> {
    let mut folded = Folded::default();
    for record in ledger.read(0)? {
        let record = record?;
        match record.entry {
            Entry::Decision(decision) => {
                for burned in &decision.burned {
                    folded.uses.recall(&spent(burned), now, &decision.id);
                }
            }
            Entry::Activation(activation) => folded.activation = Some(activation),
            Entry::Start(start) if start.torn.is_some() => {
                folded.forgot = Some(Seconds::new(record.stamps.time / 1000));
            }
            Entry::Init(_)
            | Entry::Start(_)
            | Entry::Stop(_)
            | Entry::Denials(_)
            | Entry::Issued(_)
            | Entry::Revocation(_)
            | Entry::Reinstate(_)
            | Entry::Attestation(_)
            | Entry::Condition(_)
            | Entry::Posture(_)
            | Entry::Outcome(_)
            | Entry::Ungoverned(_)
            | Entry::Gap(_)
            | Entry::Archived(_) => {}
        }
    }
    Ok(folded)
}

fn spent(burned: &Burned) -> Spent {
    let (owner, name, until) = (burned.owner.clone(), burned.name.clone(), Seconds::new(burned.until));
    match burned.what {
        Burn::Use => Spent::Link { iss: owner, path: name, until },
        Burn::Proof => Spent::Proof { thumbprint: owner, jti: name, until },
    }
}
