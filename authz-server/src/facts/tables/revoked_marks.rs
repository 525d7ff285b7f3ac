//! The marks of everything that is revoked, as a set with a digest. The set is made anew only when somebody asks for it, from the
//! last one and the changes since: a statement costs no pass over all revocations, and a start no set for each of them.

use std::sync::OnceLock;

use rpds::HashTrieMapSync;
use warrant::Mark;
use warrant::statement::MarkSet;

/// So many changes may wait before they are put into the set, or a quarter of its marks if that is more: then a start with a
/// million revocations makes some dozen sets.
const CHANGES_WAIT: usize = 1024;

/// A copy shares its memory with the original.
#[derive(Clone, Debug, Default)]
pub(super) struct RevokedMarks {
    /// Without the changes that wait.
    settled: MarkSet,
    /// Whether a mark is in the set now; only of those that changed.
    waiting: HashTrieMapSync<Mark, bool>,
    /// The set with these changes, once somebody has asked for it.
    all: OnceLock<MarkSet>,
    /// How often it changed.
    changes: u64,
}

impl RevokedMarks {
    pub(super) fn all(&self) -> &MarkSet {
        self.all.get_or_init(|| self.with_changes())
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn add(&mut self, mark: Mark) {
        self.change(mark, true);
    }

    pub(super) fn remove(&mut self, mark: Mark) {
        self.change(mark, false);
    }

    fn change(&mut self, mark: Mark, is_in: bool) {
        self.changes = self.changes.wrapping_add(1);
        if let Some(all) = self.all.take() {
            self.settle(all);
        } else if self.waiting.size() >= CHANGES_WAIT.max(self.settled.len() / 4) {
            self.settle(self.with_changes());
        }
        self.waiting.insert_mut(mark, is_in);
    }

    fn settle(&mut self, all: MarkSet) {
        self.settled = all;
        self.waiting = HashTrieMapSync::default();
    }

    fn with_changes(&self) -> MarkSet {
        if self.waiting.is_empty() {
            return self.settled.clone();
        }
        let those = |wanted: bool| {
            self.waiting.iter().filter(move |(_, is_in)| **is_in == wanted).map(|(mark, _)| *mark)
        };
        self.settled.with(those(true), those(false))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn mark(n: u32) -> Mark {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b1).to_be_bytes());
        Mark::from_bytes(bytes)
    }

    #[test]
    fn the_set_is_that_of_all_changes_whenever_somebody_asks() {
        let (mut marks, mut expected) = (RevokedMarks::default(), BTreeSet::new());
        for n in 0..5_000_u32 {
            marks.add(mark(n));
            expected.insert(mark(n));
            if n % 3 == 0 {
                marks.remove(mark(n / 2));
                expected.remove(&mark(n / 2));
            }
            if n % 997 == 0 {
                assert_eq!(marks.all(), &MarkSet::new(expected.iter().copied()), "after {n}");
            }
        }
        let before = marks.clone();
        marks.remove(mark(4_999));
        assert!(before.all().contains(&mark(4_999)) && !marks.all().contains(&mark(4_999)));
        expected.remove(&mark(4_999));
        assert_eq!(marks.all().iter().collect::<Vec<_>>(), Vec::from_iter(expected));
        assert_ne!(before.changes(), marks.changes());
    }
}
