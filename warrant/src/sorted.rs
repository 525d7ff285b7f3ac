//! Sorted lists. What a gate holds is kept in them, because the code of trees would be a large part of its module.

use std::cmp::Ordering;

/// Two numbers that name something elsewhere. They are not `Copy`: of a type that is, the standard library sorts with other code,
/// which is four kilobytes larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair(pub(crate) usize, pub(crate) usize);

/// Whether each item is greater than the one before it.
pub(crate) fn is_rising<T: Ord>(items: &[T]) -> bool {
    items.is_sorted_by(|one, two| one < two)
}

/// Sorts pairs by what they name. There is one copy of this for all lists.
pub(crate) fn sort(pairs: &mut [Pair], compare: &dyn Fn(&Pair, &Pair) -> Ordering) {
    pairs.sort_unstable_by(compare);
}
