//! What came after the newest snapshot, and the next snapshot from both. Revocations and other facts that callers feed are
//! taken from what is known live, and burned items from the snapshot before: a full table of either is in memory once.

use std::io;

use ledger::entry::Entry;
use ledger::{Ledger, ReadError, RecordedEntries};

use super::burns::BurnedSince;
use super::fold::{Amount, from_newest};
use super::known::KnownTables;
use super::own::OwnFacts;
use super::snapshot::{self, Opened};

/// What came after a snapshot.
#[derive(Debug, Default)]
pub struct Since {
    /// The size of that snapshot. `None`: there was none, and this is everything.
    snapshot: Option<u64>,
    own: OwnFacts,
    burned: BurnedSince,
}

impl Since {
    /// Begins at the newest snapshot of this ledger that can be used.
    pub fn newest_snapshot(ledger: &Ledger) -> Result<Since, ReadError> {
        let begin = |snapshot: ledger::Snapshot| {
            let size = snapshot.saved.head.size;
            let mut own = Opened::at_front(snapshot.facts)?.own;
            own.as_of = size;
            Ok(Since { snapshot: Some(size), own, burned: BurnedSince::default() })
        };
        Ok(from_newest(ledger.snapshots()?, ledger.size(), begin).unwrap_or_default())
    }

    pub fn as_of(&self) -> u64 {
        self.own.as_of
    }

    /// Folds the entries that come next, at most this many: `records` must begin at `as_of`.
    pub fn fold_on(&mut self, mut records: RecordedEntries, most: usize) -> Result<Amount, ReadError> {
        let mut entries = 0_u64;
        for record in records.by_ref().take(most) {
            let record = record?;
            self.own.take(&record);
            if let Entry::Decision(decision) = &record.entry {
                self.burned.add(decision);
            }
            entries = entries.saturating_add(1);
        }
        Ok(Amount { entries, bytes: records.bytes() })
    }

    /// Saves the snapshot at the size up to which this was folded, which must be that of `known`. Returns what came after
    /// it: nothing yet.
    pub fn save(self, ledger: &Ledger, known: &KnownTables) -> Result<Since, ReadError> {
        let Since { snapshot, own, burned } = self;
        let mut before = snapshot.map(|size| reopened(ledger, size)).transpose()?;
        ledger.save_snapshot(own.as_of, |to| {
            let items = before.iter_mut().flat_map(Opened::burned);
            snapshot::write_with(to, &own, &known.tables, |each| {
                burned.try_for_each_with(items, own.time, each)
            })
        })?;
        Ok(Since { snapshot: Some(own.as_of), own, burned: BurnedSince::default() })
    }
}

fn reopened(ledger: &Ledger, size: u64) -> Result<Opened<io::BufReader<std::fs::File>>, ReadError> {
    let found = ledger.snapshots()?.find(|snapshot| snapshot.saved.head.size == size);
    let at = |error| ReadError::Io(format!("the snapshot at {size} entries").into(), error);
    let gone = || at(io::Error::other("it was there, and cannot be used any more"));
    Opened::at_front(found.ok_or_else(gone)?.facts).map_err(at)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use ledger::entry::{BurnKind, Decision, DecisionOutcome, Nonce, RecordedBurn, RevocationTarget, Stamps};

    use super::*;
    use crate::example_decision::denied;
    use crate::facts::examples::{issued, outcome, revocation};
    use crate::facts::test_ledger::TestLedger;
    use crate::facts::{Folded, fold};
    use crate::policy_fixture::NOW;
    use crate::recorder::DecisionId;

    fn burned(name: &str, until: u64) -> RecordedBurn {
        let owner = "https://a".to_owned();
        RecordedBurn { max: 5, name: name.to_owned(), owner, until, what: BurnKind::Use }
    }

    fn allow(ledger: &Ledger, burned: Vec<RecordedBurn>) -> u64 {
        let decision = Decision {
            as_of: ledger.size(),
            clock: ledger.time() / 1000,
            burned: burned.into_iter().map(Into::into).collect(),
            ends: Some((ledger.time() / 1000).saturating_add(100)),
            outcome: DecisionOutcome::Allowed,
            ..denied(DecisionId::random().as_str())
        };
        ledger.append(decision.into()).unwrap().index()
    }

    /// Everything in these facts, in one order.
    #[derive(Debug, PartialEq)]
    struct All {
        burned: Vec<[u8; 64]>,
        alive: Vec<Vec<u8>>,
        issued: Vec<u64>,
        own: String,
    }

    impl All {
        fn of(folded: &Folded) -> All {
            let mut burned = Vec::new();
            let each = |item: &crate::facts::burns::SavedItem| -> Result<(), ()> {
                burned.push(item.to_bytes());
                Ok(())
            };
            folded.burns.try_for_each_unexpired(folded.own.time, each).unwrap();
            burned.sort_unstable();
            let bytes = |entry: Entry| entry.to_bytes(Stamps { nonce: Nonce([0; 16]), time: 0 }).unwrap();
            let mut alive: Vec<_> = folded.tables.alive().map(|fact| bytes(fact.entry)).collect();
            alive.sort_unstable();
            let issued = folded.tables.issued.iter().map(|((expiry, _), _)| expiry).collect();
            let own = &folded.own;
            let ended = own.ended.bits();
            let running: Vec<_> = own.running.iter().collect();
            let own = format!("{} {:?} {:?} {ended:?} {running:?}", own.as_of, own.time, own.burns_lost_at);
            All { burned, alive, issued, own }
        }
    }

    #[test]
    fn facts_from_snapshots_that_continue_each_other_are_those_of_the_whole_log() {
        let test = TestLedger::new();
        let TestLedger { ledger, now, directory, .. } = &test;
        let mut since = Since::newest_snapshot(ledger).unwrap();
        let mut save = |count: usize| {
            ledger.publish().unwrap();
            let known = fold(ledger).unwrap().0;
            let known = KnownTables { as_of: known.own.as_of, tables: Arc::new(known.tables) };
            since.fold_on(ledger.read(since.as_of()).unwrap(), usize::MAX).unwrap();
            since = std::mem::take(&mut since).save(ledger, &known).unwrap();
            let from_snapshot = fold(ledger).unwrap().0;
            assert_eq!(from_snapshot.burns.len(), count);
            from_snapshot
        };
        ledger.append(revocation(RevocationTarget::Subject, "bob", None).into()).unwrap();
        ledger.append(issued(NOW + 900).into()).unwrap();
        allow(ledger, vec![burned("often", NOW + 300), burned("soon over", NOW + 5)]);
        save(2);
        // The same name with an earlier expiry, by another warrant: the count is kept for the one that expires last.
        allow(ledger, vec![burned("often", NOW + 10), burned("new", NOW + 300)]);
        now.fetch_add(40_000, Ordering::Relaxed);
        ledger.append(revocation(RevocationTarget::Subject, "eve", None).into()).unwrap();
        now.fetch_add(40_000, Ordering::Relaxed);
        let index = allow(ledger, vec![burned("often", NOW + 200)]);
        ledger.append(Entry::Outcome(outcome(index, "d"))).unwrap();
        // The newest entry says the time, by which the other is over.
        save(2);
        allow(ledger, vec![burned("new", NOW + 301)]);
        let from_snapshot = save(2);
        let from_snapshot = All::of(&from_snapshot);
        let mut counts: Vec<_> = from_snapshot.burned.iter().map(|item| item[60]).collect();
        counts.sort_unstable();
        assert_eq!(counts, [2, 3], "uses of both names");
        std::fs::remove_dir_all(directory.path().join("ledger/snapshot")).unwrap();
        let from_log = All::of(&fold(ledger).unwrap().0);
        assert_eq!((from_log.alive.len(), from_log.issued.len()), (2, 1));
        assert_eq!(from_snapshot, from_log);
    }
}
