//! Reads of the record: counted, and at most once a minute an entry says who read what, and how often.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::entry::Reads;

/// The time between two entries about one reader, in milliseconds.
const EVERY: u64 = 60_000;

/// At most so many readers, each with what they read, are counted one by one. The others are counted together.
const APART_AT_MOST: usize = 256;

/// The name of the others in the record.
const OTHERS: &str = "others";

/// The counts, by the reader and the action.
#[derive(Debug, Default)]
pub(super) struct ReadCounts(Mutex<BTreeMap<(String, String), Counted>>);

#[derive(Clone, Copy, Debug)]
struct Counted {
    count: u64,
    /// In milliseconds.
    first: u64,
    last: u64,
}

impl ReadCounts {
    /// Counts a read at this time, in milliseconds. `what` is the action that was permitted.
    pub(super) fn count(&self, now: u64, by: &str, what: &str) {
        self.add(by, what, Counted { count: 1, first: now, last: now });
    }

    /// Counts again what could not be recorded.
    pub(super) fn put_back(&self, Reads { by, count, first, last, what }: Reads) {
        self.add(&by, &what, Counted { count, first, last });
    }

    fn add(&self, by: &str, what: &str, more: Counted) {
        let mut counts = self.counts();
        let key = (by.to_owned(), what.to_owned());
        let is_apart = counts.len() < APART_AT_MOST || counts.contains_key(&key);
        let key = if is_apart { key } else { (OTHERS.to_owned(), what.to_owned()) };
        let counted = counts.entry(key).or_insert(Counted { count: 0, ..more });
        counted.count = counted.count.saturating_add(more.count);
        counted.first = counted.first.min(more.first);
        counted.last = counted.last.max(more.last);
    }

    /// The entries that are due: those whose first read is a minute ago; with `all`, every one.
    pub(super) fn due(&self, now: u64, all: bool) -> Vec<Reads> {
        let is_due = |counted: &Counted| all || now.saturating_sub(counted.first) >= EVERY;
        let due = self.counts().extract_if(.., |_, counted| is_due(counted)).collect::<Vec<_>>();
        let entry = |((by, what), Counted { count, first, last })| Reads { by, count, first, last, what };
        due.into_iter().map(entry).collect()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<(String, String), Counted>> {
        // A count stays usable even if a thread panicked while changing it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_230_579_000;

    #[test]
    fn each_reader_gets_one_entry_a_minute_with_how_often_it_read() {
        let counts = ReadCounts::default();
        (0..100).for_each(|n| counts.count(NOW + n, "a", "read-entries"));
        counts.count(NOW + 30_000, "b", "read-entries");
        assert!(counts.due(NOW + 59_999, false).is_empty());
        let due = counts.due(NOW + 60_000, false);
        let (by, what) = ("a".to_owned(), "read-entries".to_owned());
        assert_eq!(due, [Reads { by, count: 100, first: NOW, last: NOW + 99, what }]);
        counts.count(NOW + 60_001, "a", "read-entries");
        assert!(counts.due(NOW + 60_002, false).is_empty(), "the next one a minute later");
        assert_eq!(counts.due(NOW + 60_002, true).len(), 2, "a stop records all");
        assert!(counts.due(NOW + 999_999, true).is_empty());
    }

    #[test]
    fn what_could_not_be_recorded_is_counted_again() {
        let counts = ReadCounts::default();
        counts.count(NOW, "a", "read-entries");
        let refused = counts.due(NOW + 60_000, false).remove(0);
        counts.count(NOW + 60_001, "a", "read-entries");
        counts.put_back(refused);
        let [reads] = counts.due(NOW + 60_001, false).try_into().unwrap();
        assert_eq!((reads.count, reads.first, reads.last), (2, NOW, NOW + 60_001));
    }

    #[test]
    fn however_many_readers_there_are_memory_is_bounded_and_no_read_is_lost() {
        let counts = ReadCounts::default();
        (0..10_000).for_each(|n| counts.count(NOW, &format!("reader-{n}"), "read-entries"));
        let due = counts.due(NOW, true);
        assert_eq!(due.len(), APART_AT_MOST + 1);
        assert_eq!(due.iter().map(|reads| reads.count).sum::<u64>(), 10_000);
    }
}
