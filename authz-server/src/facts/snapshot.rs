//! The folded facts as bytes: what is still needed at one size of the ledger. A start folds on from there.
//!
//! While the entries below that size exist, a snapshot is only an index. After they are archived it replaces them,
//! and its digest is in the ledger.
//!
//! The form is one line of JSON, and then lists that may be long, with numbers of fixed size (little-endian):
//!
//! ```text
//! ended    8 a word    one bit for each of the last decisions
//! burned  64 an item   name 32, last decision 16, root 8, until 4, used 4
//! issued  40 an item   root 32, expiry 8
//! facts                index 8, length 4, the canonical bytes of the entry
//! ```

mod list;

use std::collections::BTreeMap;

use ledger::entry::{Digest, Entry, Nonce, Stamps};
use serde::{Deserialize, Serialize};
use warrant::Seconds;

use super::after_restore::AfterRestore;
use super::burns::{BurnTable, SavedItem};
use super::ended::{EndedBits, EndedDecisions};
use super::fold::Folded;
use super::tables::{AliveFact, Tables};
use list::{Reader, Writer};

const VERSION: u32 = 4;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotHeader {
    version: u32,
    time: u64,
    forgot: Option<u64>,
    after_restore: Option<AfterRestore>,
    /// Attestors that left a bundle, and when.
    left: BTreeMap<String, u64>,
    /// The index of the first bit of `ended`.
    ended_first: u64,
    /// How many of each list follow.
    ended_words: usize,
    burned_items: usize,
    issued: usize,
    facts: usize,
}

/// The bytes of these facts, without the items that have expired at the facts' own time.
pub fn to_bytes(folded: &Folded) -> Vec<u8> {
    let mut lists = Writer::default();
    let ended = folded.ended.bits();
    ended.words.iter().for_each(|word| lists.number(*word));
    let mut burned_items = 0_usize;
    folded.burns.for_each_unexpired(folded.time, |item| {
        write_item(&mut lists, &item);
        burned_items = burned_items.saturating_add(1);
    });
    let tables = &folded.tables;
    for (expiry, root) in tables.issued.iter() {
        lists.bytes(root.bytes());
        lists.number(*expiry);
    }
    let mut facts = 0_usize;
    for fact in tables.alive() {
        write_fact(&mut lists, &fact);
        facts = facts.saturating_add(1);
    }
    let header = SnapshotHeader {
        version: VERSION,
        time: folded.time.get(),
        forgot: folded.burns_lost_at.map(Seconds::get),
        after_restore: folded.after_restore,
        left: tables.left.clone(),
        ended_first: ended.first,
        ended_words: ended.words.len(),
        burned_items,
        issued: tables.issued.iter().count(),
        facts,
    };
    // Strings, numbers and lists always serialise.
    let mut bytes = serde_json::to_vec(&header).unwrap_or_default();
    bytes.push(b'\n');
    bytes.append(&mut lists.into_bytes());
    bytes
}

/// `None` if another version wrote the bytes, or if they are not whole. They do not contain `as_of`: the caller sets
/// it.
pub fn from_bytes(bytes: &[u8]) -> Option<Folded> {
    let line = bytes.iter().position(|byte| *byte == b'\n')?;
    let (header, rest) = bytes.split_at_checked(line)?;
    let header: SnapshotHeader =
        serde_json::from_slice(header).ok().filter(|header: &SnapshotHeader| header.version == VERSION)?;
    let mut lists = Reader::new(rest.get(1..)?);
    let words = lists.items(header.ended_words, 8, |item| item.number())?;
    let burns = BurnTable::default();
    burns.restore(lists.items::<Vec<_>, _>(header.burned_items, 64, read_item)?.into_iter());
    let mut tables = Tables::default();
    for (root, expiry) in
        lists.items::<Vec<_>, _>(header.issued, 40, |item| Some((item.array()?, item.number()?)))?
    {
        tables.issued.insert(expiry, Digest::from_bytes(root));
    }
    for _ in 0..header.facts {
        read_fact(&mut lists, &mut tables)?;
    }
    if !lists.is_empty() {
        return None;
    }
    tables.left = header.left;
    Some(Folded {
        as_of: 0,
        time: Seconds::new(header.time),
        burns,
        tables,
        burns_lost_at: header.forgot.map(Seconds::new),
        ended: EndedDecisions::from_bits(EndedBits { first: header.ended_first, words }),
        after_restore: header.after_restore,
    })
}

fn write_item(lists: &mut Writer, item: &SavedItem) {
    lists.bytes(&item.name);
    lists.bytes(&item.last);
    lists.number(item.root);
    lists.bytes(&item.until.to_le_bytes());
    lists.bytes(&item.used.to_le_bytes());
}

fn read_item(item: &mut Reader<'_>) -> Option<SavedItem> {
    let (name, last, root) = (item.array()?, item.array()?, item.number()?);
    let [until, used] = [item.array()?, item.array()?].map(u32::from_le_bytes);
    Some(SavedItem { name, last, root, until, used })
}

fn write_fact(lists: &mut Writer, fact: &AliveFact) {
    // What was recorded has a canonical form.
    let bytes = fact.entry.to_bytes(Stamps { nonce: Nonce([0; 16]), time: fact.time }).unwrap_or_default();
    lists.number(fact.index);
    lists.bytes(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    lists.bytes(&bytes);
}

fn read_fact(lists: &mut Reader<'_>, tables: &mut Tables) -> Option<()> {
    let (index, length) = (lists.number()?, u32::from_le_bytes(lists.array()?));
    let bytes = lists.take(usize::try_from(length).ok()?)?;
    let (Stamps { time, .. }, entry) = Entry::read(bytes).ok()?;
    tables.add(index, time, &entry);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::examples::{condition, issued, posture, revocation};
    use crate::facts::{BurnFor, NotBurned, RootTag};
    use crate::recorder::DecisionId;
    use ledger::entry::{Activation, FactScope, Posture, PostureChange, RevocationTarget};
    use warrant::Burn;

    fn burn(path: &str, max: u32, exp: u64) -> Burn {
        Burn { iss: "https://a".into(), path: path.into(), max, exp: Seconds::new(exp) }
    }

    const STAMPS: Stamps = Stamps { nonce: Nonce([0; 16]), time: 90_000 };

    fn facts() -> [Entry; 5] {
        let posture = PostureChange {
            scope: FactScope::Route,
            subject: "pay".to_owned(),
            ..posture(Posture::Halted, None)
        };
        let activation = Activation {
            attestors: vec!["https://attest".to_owned()],
            bundle: Digest::of(b"b"),
            expires: 7,
            previous: None,
            retired: vec![Digest::of(b"a trust")],
            version: 3,
            was: None,
        };
        let revocation = revocation(RevocationTarget::Subject, "bob", None);
        let condition = condition(80, "open", None);
        [revocation.into(), posture.into(), condition.into(), issued(80).into(), activation.into()]
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
        let mut tables = Tables { left: [("https://gone".to_owned(), 80)].into(), ..Tables::default() };
        for (index, fact) in (3..).zip(facts()) {
            tables.add(index, 90_000, &fact);
        }
        let folded = Folded {
            as_of: 17,
            time: Seconds::new(90),
            burns,
            tables,
            burns_lost_at: Some(Seconds::new(5)),
            ended: EndedDecisions::default(),
            after_restore: Some(AfterRestore {
                stance_before: Posture::Restricted,
                is_complete: true,
                was_used: false,
            }),
        };
        folded.ended.note(77);
        let bytes = to_bytes(&folded);
        let back = from_bytes(&bytes).unwrap();
        assert_eq!((back.burns_lost_at, back.time), (Some(Seconds::new(5)), Seconds::new(90)));
        assert_eq!(back.after_restore, folded.after_restore);
        let alive = |tables: &Tables| -> Vec<_> {
            let of = |fact: AliveFact| (fact.index, fact.time, fact.entry.to_bytes(STAMPS).unwrap());
            let mut alive: Vec<_> = tables.alive().map(of).collect();
            alive.sort();
            alive
        };
        assert_eq!(alive(&back.tables), alive(&folded.tables));
        assert_eq!(back.tables.left, folded.tables.left);
        assert_eq!(alive(&back.tables).len(), 4);
        assert!(back.tables.issued.contains(&Digest::of(b"root")));
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
