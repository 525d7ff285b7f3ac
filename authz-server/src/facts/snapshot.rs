//! The folded facts as bytes: what is still needed at one size of the ledger. A start folds on from there.
//!
//! While the entries below that size exist, a snapshot is only an index. After they are archived it replaces them,
//! and its digest is in the ledger.
//!
//! The form is one line of JSON, and then lists that may be long, with numbers of fixed size (little-endian). A snapshot is
//! written and read from its front to its end, and is never in memory as a whole:
//!
//! ```text
//! ended    8 a word    one bit for each of the last decisions
//! running 44 a forward index 8, decision 16, end 8, holder 8, place of its proxy in the header 4
//! burned  64 an item   name 32, last decision 16, root 8, until 4, used 4; the last item is all zero
//! issued  48 an item   root 32, expiry 8, holder 8
//! counted 56 an item   token or holder 32, until 8, holder 8, how many roots 8
//! facts                index 8, length 4, the canonical bytes of the entry
//! ```

mod list;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, Write};
use std::iter;

use ledger::Snapshot;
use ledger::entry::{Digest, Entry, Nonce, Stamps};
use serde::{Deserialize, Serialize};
use warrant::Seconds;

use super::after_restore::AfterRestore;
use super::burns::{BurnTable, SavedItem};
use super::ended::{EndedBits, EndedDecisions};
use super::fold::Folded;
use super::forwards::{ForwardList, HolderTag};
use super::own::OwnFacts;
use super::tables::{AliveFact, CountedRoots, IssuedTo, Tables};
use list::{Reader, Writer, not_whole};

const VERSION: u32 = 10;

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
    /// How many of each list follow. How many items are burned is known only at the end of their list.
    ended_words: usize,
    running: usize,
    /// The proxies of the forwards that run.
    proxies: Vec<String>,
    issued: usize,
    counted: usize,
    facts: usize,
}

/// Writes these facts, without the items that have expired at the facts' own time.
pub fn write(to: &mut dyn Write, folded: &Folded) -> io::Result<()> {
    let Folded { own, burns, tables } = folded;
    write_with(to, own, tables, |each| burns.try_for_each_unexpired(own.time, each))
}

/// Writes facts of which the burned items come from elsewhere: `burned` calls what it is given for each of them. `tables`
/// must be those of the same size of the ledger.
pub(super) fn write_with(
    to: &mut dyn Write,
    own: &OwnFacts,
    tables: &Tables,
    burned: impl FnOnce(&mut dyn FnMut(&SavedItem) -> io::Result<()>) -> io::Result<()>,
) -> io::Result<()> {
    let ended = own.ended.bits();
    let proxies = own.running.proxies();
    let header = SnapshotHeader {
        version: VERSION,
        time: own.time.get(),
        forgot: own.burns_lost_at.map(Seconds::get),
        after_restore: own.after_restore.clone(),
        left: tables.left.clone(),
        ended_first: ended.first,
        ended_words: ended.words.len(),
        running: own.running.len(),
        proxies: proxies.iter().map(|proxy| proxy.to_string()).collect(),
        issued: tables.issued.iter().count(),
        counted: tables.issued.counted().count(),
        facts: tables.alive().count(),
    };
    let mut lists = Writer(to);
    lists.bytes(&serde_json::to_vec(&header)?)?;
    lists.bytes(b"\n")?;
    ended.words.iter().try_for_each(|word| lists.number(*word))?;
    for (index, forward) in own.running.iter() {
        let place = proxies.binary_search(&forward.proxy).unwrap_or(usize::MAX);
        lists.number(index)?;
        lists.bytes(&forward.id)?;
        lists.number(forward.ends)?;
        lists.number(forward.holder.0)?;
        lists.bytes(&u32::try_from(place).unwrap_or(u32::MAX).to_le_bytes())?;
    }
    burned(&mut |item| lists.bytes(&item.to_bytes()))?;
    lists.bytes(&[0; SavedItem::BYTES])?;
    for ((expiry, root), holder) in tables.issued.iter() {
        lists.bytes(root.bytes())?;
        lists.number(expiry)?;
        lists.number(holder.0)?;
    }
    for ((until, of), counted) in tables.issued.counted() {
        lists.bytes(of.bytes())?;
        lists.number(until)?;
        lists.number(counted.holder.0)?;
        lists.number(counted.count)?;
    }
    tables.alive().try_for_each(|fact| write_fact(&mut lists, &fact))
}

/// The facts of a snapshot; an error if another version wrote it, or if it is not whole.
pub(super) fn read(snapshot: Snapshot) -> io::Result<Folded> {
    let size = snapshot.saved.head.size;
    let mut opened = Opened::at_front(snapshot.facts)?;
    opened.own.as_of = size;
    opened.read_all()
}

/// A snapshot of which the beginning is read, up to the burned items.
#[derive(Debug)]
pub(super) struct Opened<R> {
    /// The ledger's size is not among them.
    pub(super) own: OwnFacts,
    left: BTreeMap<String, u64>,
    issued: usize,
    counted: usize,
    facts: usize,
    lists: Reader<R>,
}

impl<R: BufRead> Opened<R> {
    pub(super) fn at_front(from: R) -> io::Result<Opened<R>> {
        let mut lists = Reader(from);
        let header: SnapshotHeader = serde_json::from_slice(&lists.line()?)?;
        if header.version != VERSION {
            return Err(io::Error::other("it was written by another version"));
        }
        let words = iter::repeat_with(|| lists.number()).take(header.ended_words);
        let words: VecDeque<u64> = words.collect::<io::Result<_>>()?;
        let mut running = ForwardList::default();
        for _ in 0..header.running {
            let (index, id, ends) = (lists.number()?, lists.array()?, lists.number()?);
            let holder = HolderTag(lists.number()?);
            let place = usize::try_from(u32::from_le_bytes(lists.array()?)).unwrap_or(usize::MAX);
            let proxy = header.proxies.get(place).ok_or_else(not_whole)?;
            running.insert(index, id, proxy, holder, ends);
        }
        let own = OwnFacts {
            as_of: 0,
            time: Seconds::new(header.time),
            burns_lost_at: header.forgot.map(Seconds::new),
            ended: EndedDecisions::from_bits(EndedBits { first: header.ended_first, words }),
            running,
            after_restore: header.after_restore,
        };
        let SnapshotHeader { left, issued, counted, facts, .. } = header;
        Ok(Opened { own, left, issued, counted, facts, lists })
    }

    /// Every burned item, in no particular order.
    pub(super) fn burned(&mut self) -> impl Iterator<Item = io::Result<SavedItem>> {
        let mut next = || self.lists.array().map(|bytes| SavedItem::from_bytes(&bytes));
        iter::from_fn(move || next().transpose())
    }

    fn read_all(mut self) -> io::Result<Folded> {
        let burns = BurnTable::default();
        self.burned().try_for_each(|item| item.map(|item| burns.restore(&item)))?;
        let (mut lists, mut tables) = (self.lists, Tables::default());
        for _ in 0..self.issued {
            let root = Digest::from_bytes(lists.array()?);
            tables.issued.insert((lists.number()?, root), IssuedTo(lists.number()?));
        }
        for _ in 0..self.counted {
            let of = Digest::from_bytes(lists.array()?);
            let until = (lists.number()?, of);
            let holder = IssuedTo(lists.number()?);
            tables.issued.insert_counted(until, CountedRoots { holder, count: lists.number()? });
        }
        for _ in 0..self.facts {
            read_fact(&mut lists, &mut tables)?;
        }
        if !lists.is_at_end()? {
            return Err(not_whole());
        }
        tables.left = self.left;
        Ok(Folded { own: self.own, burns, tables })
    }
}

fn write_fact(lists: &mut Writer<'_>, fact: &AliveFact) -> io::Result<()> {
    // What was recorded has a canonical form.
    let bytes = fact.entry.to_bytes(Stamps { nonce: Nonce([0; 16]), time: fact.time }).unwrap_or_default();
    lists.number(fact.index)?;
    lists.bytes(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    lists.bytes(&bytes)
}

fn read_fact<R: BufRead>(lists: &mut Reader<R>, tables: &mut Tables) -> io::Result<()> {
    let (index, length) = (lists.number()?, u32::from_le_bytes(lists.array()?));
    let bytes = lists.take(u64::from(length))?;
    let (Stamps { time, .. }, entry) = Entry::read(&bytes).map_err(|_| not_whole())?;
    tables.add(index, time, &entry);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Wanted;
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
            routes: None,
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
            table.burn(Wanted::of(&[burn(path, max, exp)], None), Seconds::new(10), burn_for)
        };
        by(&burns, "twice", 2, 100, &d1).unwrap();
        by(&burns, "once", 1, 100, &d1).unwrap();
        by(&burns, "over", 1, 20, &d0).unwrap();
        by(&burns, "twice", 2, 100, &d2).unwrap();
        let mut tables = Tables { left: [("https://gone".to_owned(), 80)].into(), ..Tables::default() };
        for (index, fact) in (3..).zip(facts()) {
            tables.add(index, 90_000, &fact);
        }
        let own = OwnFacts {
            as_of: 17,
            time: Seconds::new(90),
            burns_lost_at: Some(Seconds::new(5)),
            ended: EndedDecisions::default(),
            running: ForwardList::default(),
            after_restore: Some(AfterRestore {
                predecessors: vec!["demo/log/1".to_owned()],
                stance_before: Posture::Restricted,
                is_complete: true,
                was_used: false,
            }),
        };
        let mut folded = Folded { own, burns, tables };
        folded.own.ended.note(77);
        for (index, proxy) in [(12, "edge"), (7, "local"), (9, "edge")] {
            folded.own.running.insert(index, [3; 16], proxy, HolderTag(index), 100 + index);
        }
        let mut bytes = Vec::new();
        write(&mut bytes, &folded).unwrap();
        let from_bytes = |bytes: &[u8]| Opened::at_front(bytes).and_then(Opened::read_all);
        let back = from_bytes(&bytes).unwrap();
        assert_eq!((back.own.burns_lost_at, back.own.time), (Some(Seconds::new(5)), Seconds::new(90)));
        assert_eq!(back.own.after_restore, folded.own.after_restore);
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
        assert!(back.own.running.iter().eq(folded.own.running.iter()) && back.own.running.len() == 3);
        assert!(back.own.ended.note(77) && !back.own.ended.note(78));
        assert_eq!(back.burns.len(), 2);
        let replayed =
            |decision: &DecisionId| Err(NotBurned::Replayed { first: Some(decision.as_str().to_owned()) });
        assert_eq!(by(&back.burns, "twice", 2, 100, &d9), replayed(&d2));
        assert_eq!(by(&back.burns, "once", 1, 100, &d9), replayed(&d1));
        assert!(from_bytes(b"{}\n").is_err(), "a version that we do not know");
        for cut in 0..bytes.len() {
            assert!(from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
