//! The folded facts as bytes: what is still needed at one size of the ledger. A start folds on from there.
//!
//! While the entries below that size exist, a snapshot is only an index. After they are archived it replaces them,
//! and its digest is in the ledger.
//!
//! The form is one line of JSON, and then two lists that may be long, as numbers of fixed size (little-endian):
//!
//! ```text
//! ended    8 a word    one bit for each of the last decisions
//! burned  64 an item   name 32, last decision 16, root 8, until 4, used 4
//! ```

use ledger::entry::{Activation, Digest, Posture};
use serde::{Deserialize, Serialize};
use warrant::Seconds;

use super::burns::{BurnTable, SavedItem};
use super::ended::{EndedBits, EndedDecisions};
use super::fold::Folded;

const VERSION: u32 = 2;

const WORD: usize = 8;
const ITEM: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotHeader {
    version: u32,
    time: u64,
    activation: Option<ActivationForm>,
    stance: Option<Posture>,
    forgot: Option<u64>,
    /// The index of the first bit of `ended`.
    ended_first: u64,
    /// How many words and items follow.
    ended_words: usize,
    burned_items: usize,
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

/// The bytes of these facts, without the items that have expired at the facts' own time.
pub fn to_bytes(folded: &Folded) -> Vec<u8> {
    let (mut items, mut burned_items) = (Vec::new(), 0_usize);
    folded.burns.for_each_unexpired(folded.time, |item| {
        write_item(&mut items, item);
        burned_items = burned_items.saturating_add(1);
    });
    let ended = folded.ended.bits();
    let header = SnapshotHeader {
        version: VERSION,
        time: folded.time.get(),
        activation: folded.activation.as_ref().map(|activation| ActivationForm {
            bundle: activation.bundle,
            expires: activation.expires,
            previous: activation.previous,
            retired: activation.retired.clone(),
            version: activation.version,
        }),
        stance: folded.posture,
        forgot: folded.burns_lost_at.map(Seconds::get),
        ended_first: ended.first,
        ended_words: ended.words.len(),
        burned_items,
    };
    // Strings, numbers and lists always serialise.
    let mut bytes = serde_json::to_vec(&header).unwrap_or_default();
    bytes.push(b'\n');
    ended.words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    bytes.append(&mut items);
    bytes
}

/// `None` if another version wrote the bytes, or if they are not whole. They do not contain `as_of`: the caller sets
/// it.
pub fn from_bytes(bytes: &[u8]) -> Option<Folded> {
    let line = bytes.iter().position(|byte| *byte == b'\n')?;
    let (header, rest) = bytes.split_at_checked(line)?;
    let header: SnapshotHeader =
        serde_json::from_slice(header).ok().filter(|header: &SnapshotHeader| header.version == VERSION)?;
    let (words, items) = rest.get(1..)?.split_at_checked(header.ended_words.checked_mul(WORD)?)?;
    if items.len() != header.burned_items.checked_mul(ITEM)? {
        return None;
    }
    let burns = BurnTable::default();
    burns.restore(items.as_chunks::<ITEM>().0.iter().filter_map(|item| read_item(item)));
    let words = words.as_chunks::<WORD>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let activation = header.activation.map(|activation| Activation {
        bundle: activation.bundle,
        expires: activation.expires,
        previous: activation.previous,
        retired: activation.retired,
        version: activation.version,
        was: None,
    });
    Some(Folded {
        as_of: 0,
        time: Seconds::new(header.time),
        burns,
        activation,
        posture: header.stance,
        burns_lost_at: header.forgot.map(Seconds::new),
        ended: EndedDecisions::from_bits(EndedBits { first: header.ended_first, words }),
    })
}

fn write_item(bytes: &mut Vec<u8>, item: SavedItem) {
    bytes.extend_from_slice(&item.name);
    bytes.extend_from_slice(&item.last);
    bytes.extend_from_slice(&item.root.to_le_bytes());
    bytes.extend_from_slice(&item.until.to_le_bytes());
    bytes.extend_from_slice(&item.used.to_le_bytes());
}

fn read_item(bytes: &[u8]) -> Option<SavedItem> {
    let (name, rest) = bytes.split_first_chunk()?;
    let (last, rest) = rest.split_first_chunk()?;
    let (root, rest) = rest.split_first_chunk()?;
    let (until, rest) = rest.split_first_chunk()?;
    let (used, _) = rest.split_first_chunk()?;
    Some(SavedItem {
        name: *name,
        last: *last,
        root: u64::from_le_bytes(*root),
        until: u32::from_le_bytes(*until),
        used: u32::from_le_bytes(*used),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{BurnFor, NotBurned, RootTag};
    use crate::recorder::DecisionId;
    use warrant::Burn;

    fn burn(path: &str, max: u32, exp: u64) -> Burn {
        Burn { iss: "https://a".into(), path: path.into(), max, exp: Seconds::new(exp) }
    }

    #[test]
    fn unexpired_facts_come_back_and_expired_ones_do_not() {
        let burns = BurnTable::default();
        let [d0, d1, d2, d9] = [(); 4].map(|()| DecisionId::random());
        let by = |table: &BurnTable, path, max, exp, decision: &DecisionId| {
            let burn_for =
                BurnFor { decision: decision.as_str(), root: RootTag::default(), source: "10.0.0.1" };
            table.burn(&[burn(path, max, exp)], None, Seconds::new(10), burn_for)
        };
        by(&burns, "twice", 2, 100, &d1).unwrap();
        by(&burns, "once", 1, 100, &d1).unwrap();
        by(&burns, "over", 1, 20, &d0).unwrap();
        by(&burns, "twice", 2, 100, &d2).unwrap();
        let (bundle, retired) = (Digest::of(b"b"), vec![Digest::of(b"a trust")]);
        let activation = Activation { bundle, expires: 7, previous: None, retired, version: 3, was: None };
        let folded = Folded {
            as_of: 17,
            time: Seconds::new(90),
            burns,
            activation: Some(activation.clone()),
            posture: Some(Posture::Halted),
            burns_lost_at: Some(Seconds::new(5)),
            ended: EndedDecisions::default(),
        };
        folded.ended.note(77);
        let bytes = to_bytes(&folded);
        let back = from_bytes(&bytes).unwrap();
        assert_eq!(
            (back.activation, back.posture, back.burns_lost_at, back.time),
            (Some(activation), Some(Posture::Halted), Some(Seconds::new(5)), Seconds::new(90))
        );
        assert!(back.ended.note(77) && !back.ended.note(78));
        assert_eq!(back.burns.len(), 2);
        let replayed =
            |decision: &DecisionId| Err(NotBurned::Replayed { first: Some(decision.as_str().to_owned()) });
        assert_eq!(by(&back.burns, "twice", 2, 100, &d9), replayed(&d2));
        assert_eq!(by(&back.burns, "once", 1, 100, &d9), replayed(&d1));
        assert!(from_bytes(b"{}\n").is_none(), "a version that we do not know");
        for cut in 0..bytes.len() {
            assert!(from_bytes(&bytes[..cut]).is_none(), "cut at {cut}");
        }
    }
}
