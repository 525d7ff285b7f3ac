//! The entries of forwards that run, as far as there is memory for them: they are judged again without the disk. The others are
//! read from the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::entry::Terms;

/// More than the ledger holds durable entries that are not published yet (8 MiB that wait, and as many in the publisher's
/// hands): so what is not here can be read.
const BYTES_AT_MOST: usize = 64 * 1024 * 1024;

/// The entry of a forward, and the terms of its warrant if they are in memory although an earlier entry says them: the log may
/// not have published that one yet.
#[derive(Clone, Debug)]
pub struct KeptCase {
    pub entry: Arc<[u8]>,
    pub terms: Option<Terms>,
}

impl KeptCase {
    pub fn new(entry: &[u8], terms: Option<&Terms>) -> KeptCase {
        KeptCase { entry: entry.into(), terms: terms.cloned() }
    }

    /// Forwards of one warrant share its terms. They are counted for each of them, as if they were not shared.
    fn weight(&self) -> usize {
        let terms = self.terms.as_ref().map_or(0, |terms| terms.encoded_len().unwrap_or(TERMS_BYTES));
        self.entry.len().saturating_add(terms)
    }
}

/// How much terms count that were not encoded before.
const TERMS_BYTES: usize = 12 * 1024;

#[derive(Debug, Default)]
pub(super) struct KeptCases {
    by_index: BTreeMap<u64, KeptCase>,
    bytes: usize,
}

impl KeptCases {
    /// Keeps the entry at this index; the oldest make room for it.
    pub(super) fn keep(&mut self, index: u64, case: KeptCase) {
        self.remove(index);
        self.bytes = self.bytes.saturating_add(case.weight());
        self.by_index.insert(index, case);
        while self.bytes > BYTES_AT_MOST {
            let Some(oldest) = self.by_index.keys().next().copied() else { return };
            self.remove(oldest);
        }
    }

    pub(super) fn remove(&mut self, index: u64) {
        let length = self.by_index.remove(&index).map_or(0, |case| case.weight());
        self.bytes = self.bytes.saturating_sub(length);
    }

    pub(super) fn get(&self, index: u64) -> Option<KeptCase> {
        self.by_index.get(&index).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entries_are_kept_and_the_memory_is_bounded() {
        let mut kept = KeptCases::default();
        let entry = vec![7; 60_000];
        for index in 0..2_000 {
            kept.keep(index, KeptCase::new(&entry, None));
        }
        assert!(kept.bytes <= BYTES_AT_MOST && kept.by_index.len() == BYTES_AT_MOST / 60_000);
        assert_eq!(kept.get(1_999).map(|case| case.entry.len()), Some(60_000));
        assert!(kept.get(0).is_none());
        (0..2_000).for_each(|index| kept.remove(index));
        assert_eq!((kept.bytes, kept.by_index.len()), (0, 0));
    }
}
