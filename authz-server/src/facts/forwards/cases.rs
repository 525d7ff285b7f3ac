//! The entries of forwards that run, as far as there is memory for them: they are judged again without the disk. The others are
//! read from the log.

use std::collections::BTreeMap;
use std::sync::Arc;

/// More than the ledger holds durable entries that are not published yet (8 MiB that wait, and as many in the publisher's
/// hands): so what is not here can be read.
const BYTES_AT_MOST: usize = 64 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct KeptCases {
    by_index: BTreeMap<u64, Arc<[u8]>>,
    bytes: usize,
}

impl KeptCases {
    /// Keeps the entry at this index; the oldest make room for it.
    pub(super) fn keep(&mut self, index: u64, entry: &[u8]) {
        self.remove(index);
        self.bytes = self.bytes.saturating_add(entry.len());
        self.by_index.insert(index, entry.into());
        while self.bytes > BYTES_AT_MOST {
            let Some(oldest) = self.by_index.keys().next().copied() else { return };
            self.remove(oldest);
        }
    }

    pub(super) fn remove(&mut self, index: u64) {
        let length = self.by_index.remove(&index).map_or(0, |entry| entry.len());
        self.bytes = self.bytes.saturating_sub(length);
    }

    pub(super) fn get(&self, index: u64) -> Option<Arc<[u8]>> {
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
            kept.keep(index, &entry);
        }
        assert!(kept.bytes <= BYTES_AT_MOST && kept.by_index.len() == BYTES_AT_MOST / 60_000);
        assert_eq!((kept.get(0), kept.get(1_999).map(|entry| entry.len())), (None, Some(60_000)));
        (0..2_000).for_each(|index| kept.remove(index));
        assert_eq!((kept.bytes, kept.by_index.len()), (0, 0));
    }
}
