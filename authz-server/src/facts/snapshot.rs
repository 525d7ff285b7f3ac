//! The folded facts as bytes: what is still needed at one size of the ledger. A start folds on from there.
//!
//! While the entries below that size exist, a snapshot is only an index. After they are archived it replaces them,
//! and its digest is in the ledger.

use ledger::entry::{Activation, Digest, Posture};
use serde::{Deserialize, Serialize};
use warrant::Seconds;

use super::burns::{BurnCount, BurnTable, BurnedItem};
use super::ended::{EndedBits, EndedDecisions};
use super::fold::Folded;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotForm {
    version: u32,
    activation: Option<ActivationForm>,
    stance: Option<Posture>,
    forgot: Option<u64>,
    uses: Vec<BurnForm>,
    ended: EndedBits,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivationForm {
    bundle: Digest,
    expires: u64,
    previous: Option<Digest>,
    retired: Vec<Digest>,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BurnForm {
    is_proof: bool,
    owner: String,
    name: String,
    until: u64,
    used: u32,
    last: String,
}

/// The facts that are still needed at this time.
pub fn to_bytes(folded: &Folded, now: Seconds) -> Vec<u8> {
    let facts = SnapshotForm {
        version: VERSION,
        activation: folded.activation.as_ref().map(|activation| ActivationForm {
            bundle: activation.bundle,
            expires: activation.expires,
            previous: activation.previous,
            retired: activation.retired.clone(),
            version: activation.version,
        }),
        stance: folded.posture,
        forgot: folded.burns_lost_at.map(Seconds::get),
        uses: folded.burns.unexpired(now).into_iter().map(burn_form).collect(),
        ended: folded.ended.bits(),
    };
    // Strings, numbers and lists always serialise.
    serde_json::to_vec(&facts).unwrap_or_default()
}

/// `None` if another version wrote the bytes: then everything is folded again.
pub fn from_bytes(bytes: &[u8]) -> Option<Folded> {
    let facts: SnapshotForm =
        serde_json::from_slice(bytes).ok().filter(|facts: &SnapshotForm| facts.version == VERSION)?;
    let burns = BurnTable::default();
    facts.uses.into_iter().map(burn_count).for_each(|count| burns.restore(count));
    let activation = facts.activation.map(|activation| Activation {
        bundle: activation.bundle,
        expires: activation.expires,
        previous: activation.previous,
        retired: activation.retired,
        version: activation.version,
    });
    let ended = EndedDecisions::from_bits(facts.ended);
    let burns_lost_at = facts.forgot.map(Seconds::new);
    Some(Folded { burns, activation, posture: facts.stance, burns_lost_at, ended })
}

fn burn_form(count: BurnCount) -> BurnForm {
    let BurnCount { item, used, last } = count;
    match item {
        BurnedItem::Link { iss, path, until } => {
            BurnForm { is_proof: false, owner: iss, name: path, until: until.get(), used, last }
        }
        BurnedItem::Proof { thumbprint, jti, until } => {
            BurnForm { is_proof: true, owner: thumbprint, name: jti, until: until.get(), used, last }
        }
    }
}

fn burn_count(one: BurnForm) -> BurnCount {
    let (owner, name, until) = (one.owner, one.name, Seconds::new(one.until));
    let item = if one.is_proof {
        BurnedItem::Proof { thumbprint: owner, jti: name, until }
    } else {
        BurnedItem::Link { iss: owner, path: name, until }
    };
    BurnCount { item, used: one.used, last: one.last }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::NotBurned;
    use warrant::Burn;

    fn burn(path: &str, max: u32, exp: u64) -> Burn {
        Burn { iss: "https://a".into(), path: path.into(), max, exp: Seconds::new(exp) }
    }

    #[test]
    fn unexpired_facts_come_back_and_expired_ones_do_not() {
        let burns = BurnTable::default();
        let now = Seconds::new(10);
        burns.burn(&[burn("twice", 2, 100), burn("once", 1, 100)], None, now, "d1").unwrap();
        burns.burn(&[burn("over", 1, 20)], None, now, "d0").unwrap();
        burns.burn(&[burn("twice", 2, 100)], None, now, "d2").unwrap();
        let (bundle, retired) = (Digest::of(b"b"), vec![Digest::of(b"a trust")]);
        let activation = Activation { bundle, expires: 7, previous: None, retired, version: 3 };
        let folded = Folded {
            burns,
            activation: Some(activation.clone()),
            posture: Some(Posture::Halted),
            burns_lost_at: Some(Seconds::new(5)),
            ended: EndedDecisions::default(),
        };
        folded.ended.note(77);
        let back = from_bytes(&to_bytes(&folded, Seconds::new(90))).unwrap();
        assert_eq!(
            (back.activation, back.posture, back.burns_lost_at),
            (Some(activation), Some(Posture::Halted), Some(Seconds::new(5)))
        );
        assert!(back.ended.note(77) && !back.ended.note(78));
        assert_eq!(back.burns.len(), 2);
        let later = Seconds::new(90);
        let again = |path, max| back.burns.burn(&[burn(path, max, 100)], None, later, "d9");
        let burned_by = |decision: &str| Err(NotBurned::Replayed { first: decision.to_owned() });
        assert_eq!((again("twice", 2), again("once", 1)), (burned_by("d2"), burned_by("d1")));
        assert!(from_bytes(b"{}").is_none(), "a version that we do not know");
    }
}
