//! What must be judged again, in groups: what was found due at once is one group. The smallest goes first, a part at a time. So a
//! change that concerns few is carried out at once, also while one that concerns all is under way.

use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(super) struct Groups(Vec<BTreeSet<u64>>);

impl Groups {
    pub(super) fn add(&mut self, group: impl Iterator<Item = u64>) {
        let group: BTreeSet<u64> = group.collect();
        if !group.is_empty() {
            self.0.push(group);
        }
    }

    /// Takes the first of the smallest group, at most so many. Returns them, and whether the group has no more.
    pub(super) fn take(&mut self, most: usize) -> (Vec<u64>, bool) {
        let smallest = self.0.iter_mut().enumerate().min_by_key(|(_, group)| group.len());
        let Some((place, group)) = smallest else { return (Vec::new(), true) };
        let taken = std::iter::from_fn(|| group.pop_first()).take(most).collect();
        let is_last = group.is_empty();
        if is_last {
            self.0.swap_remove(place);
        }
        (taken, is_last)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_group_does_not_wait_for_a_large_one() {
        let mut groups = Groups::default();
        groups.add(0..10);
        assert_eq!(groups.take(4), (vec![0, 1, 2, 3], false));
        groups.add([30, 20].into_iter());
        groups.add([].into_iter());
        assert_eq!(groups.take(4), (vec![20, 30], true));
        assert_eq!((groups.take(4), groups.take(4)), ((vec![4, 5, 6, 7], false), (vec![8, 9], true)));
        assert!(groups.is_empty());
        assert_eq!(groups.take(4), (vec![], true));
    }
}
