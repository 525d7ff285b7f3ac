//! Folded facts as bytes, from which a start folds on: what is alive at a size of the ledger, and nothing else.
//!
//! An index like any other while the entries below it are there; after they were archived it stands for them, and its
//! digest is on record.

use ledger::entry::{Activation, Digest, Posture};
use serde::{Deserialize, Serialize};
use warrant::Seconds;

use super::ended::{Bits, Ended};
use super::fold::Folded;
use super::spent::{Kept, Spent, Uses};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    version: u32,
    activation: Option<Activated>,
    stance: Option<Posture>,
    forgot: Option<u64>,
    uses: Vec<Use>,
    ended: Bits,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Activated {
    bundle: Digest,
    expires: u64,
    previous: Option<Digest>,
    retired: Vec<Digest>,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Use {
    is_proof: bool,
    owner: String,
    name: String,
    until: u64,
    used: u32,
    last: String,
}

/// The facts that are still alive at this time.
pub fn to_bytes(folded: &Folded, now: Seconds) -> Vec<u8> {
    let facts = Facts {
        version: VERSION,
        activation: folded.activation.as_ref().map(|activation| Activated {
            bundle: activation.bundle,
            expires: activation.expires,
            previous: activation.previous,
            retired: activation.retired.clone(),
            version: activation.version,
        }),
        stance: folded.stance,
        forgot: folded.forgot.map(Seconds::get),
        uses: folded.uses.alive(now).into_iter().map(one_use).collect(),
        ended: folded.ended.bits(),
    };
    // Strings, numbers and lists always serialise.
    serde_json::to_vec(&facts).unwrap_or_default()
}

/// `None` for what another version wrote: then everything is folded again.
pub fn from_bytes(bytes: &[u8]) -> Option<Folded> {
    let facts: Facts = serde_json::from_slice(bytes).ok().filter(|facts: &Facts| facts.version == VERSION)?;
    let uses = Uses::default();
    facts.uses.into_iter().map(kept).for_each(|kept| uses.restore(kept));
    let activation = facts.activation.map(|activation| Activation {
        bundle: activation.bundle,
        expires: activation.expires,
        previous: activation.previous,
        retired: activation.retired,
        version: activation.version,
    });
    let ended = Ended::from_bits(facts.ended);
    Some(Folded { uses, activation, stance: facts.stance, forgot: facts.forgot.map(Seconds::new), ended })
}

fn one_use(kept: Kept) -> Use {
    let Kept { spent, used, last } = kept;
    match spent {
        Spent::Link { iss, path, until } => {
            Use { is_proof: false, owner: iss, name: path, until: until.get(), used, last }
        }
        Spent::Proof { thumbprint, jti, until } => {
            Use { is_proof: true, owner: thumbprint, name: jti, until: until.get(), used, last }
        }
    }
}

fn kept(one: Use) -> Kept {
    let (owner, name, until) = (one.owner, one.name, Seconds::new(one.until));
    let spent = if one.is_proof {
        Spent::Proof { thumbprint: owner, jti: name, until }
    } else {
        Spent::Link { iss: owner, path: name, until }
    };
    Kept { spent, used: one.used, last: one.last }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Unspent;
    use warrant::Burn;

    fn burn(path: &str, max: u32, exp: u64) -> Burn {
        Burn { iss: "https://a".into(), path: path.into(), max, exp: Seconds::new(exp) }
    }

    #[test]
    fn what_is_alive_comes_back_and_what_is_over_does_not() {
        let uses = Uses::default();
        let now = Seconds::new(10);
        uses.spend(&[burn("twice", 2, 100), burn("once", 1, 100)], None, now, "d1").unwrap();
        uses.spend(&[burn("over", 1, 20)], None, now, "d0").unwrap();
        uses.spend(&[burn("twice", 2, 100)], None, now, "d2").unwrap();
        let (bundle, retired) = (Digest::of(b"b"), vec![Digest::of(b"a trust")]);
        let activation = Activation { bundle, expires: 7, previous: None, retired, version: 3 };
        let folded = Folded {
            uses,
            activation: Some(activation.clone()),
            stance: Some(Posture::Halted),
            forgot: Some(Seconds::new(5)),
            ended: Ended::default(),
        };
        folded.ended.note(77);
        let back = from_bytes(&to_bytes(&folded, Seconds::new(90))).unwrap();
        assert_eq!(
            (back.activation, back.stance, back.forgot),
            (Some(activation), Some(Posture::Halted), Some(Seconds::new(5)))
        );
        assert!(back.ended.note(77) && !back.ended.note(78));
        assert_eq!(back.uses.len(), 2);
        let later = Seconds::new(90);
        let again = |path, max| back.uses.spend(&[burn(path, max, 100)], None, later, "d9");
        let taken_by = |decision: &str| Err(Unspent::Replayed { first: decision.to_owned() });
        assert_eq!((again("twice", 2), again("once", 1)), (taken_by("d2"), taken_by("d1")));
        assert!(from_bytes(b"{}").is_none(), "of no version that we know");
    }
}
