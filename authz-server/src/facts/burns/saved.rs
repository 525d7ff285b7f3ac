//! Burned items as a snapshot keeps them, and what was burned since the last one. From both the next snapshot is written,
//! so that the items need not be in memory a second time.

use std::collections::HashMap;

use ledger::entry::Decision;
use warrant::Seconds;

use super::item::{DecisionBytes, ItemName, recorded_items};
use super::share::RootTag;
use super::{counted_second, first_needed};

/// One item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::facts) struct SavedItem {
    pub(super) name: ItemName,
    /// The decision that burned it last.
    pub(super) last: DecisionBytes,
    pub(super) root: RootTag,
    /// The second after which no decision asks for it.
    pub(super) until: u32,
    /// How often it was burned.
    pub(super) used: u32,
}

impl SavedItem {
    pub(in crate::facts) const BYTES: usize = 64;

    pub(in crate::facts) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let SavedItem { name, last, root, until, used } = self;
        let parts = [&name.0[..], &last.0, &root.0.to_le_bytes(), &until.to_le_bytes(), &used.to_le_bytes()];
        bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// `None` for an item that was never burned: the end of a list.
    pub(in crate::facts) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<SavedItem> {
        let (name, rest) = bytes.split_first_chunk()?;
        let (last, rest) = rest.split_first_chunk()?;
        let (root, rest) = rest.split_first_chunk()?;
        let (until, rest) = rest.split_first_chunk()?;
        let used = u32::from_le_bytes(rest.try_into().ok()?);
        (used > 0).then_some(SavedItem {
            name: ItemName(*name),
            last: DecisionBytes(*last),
            root: RootTag(u64::from_le_bytes(*root)),
            until: u32::from_le_bytes(*until),
            used,
        })
    }

    /// Both counts together. `later` was burned after this one.
    fn and(self, later: SavedItem) -> SavedItem {
        SavedItem {
            last: later.last,
            // Two warrants of one name share their count, so it is kept for the one that expires last.
            until: self.until.max(later.until),
            used: self.used.saturating_add(later.used),
            ..self
        }
    }
}

/// What was burned since a snapshot. Nothing is forgotten here: the snapshot may hold the same item with a later expiry,
/// and then its count is needed until that.
#[derive(Debug, Default)]
pub(in crate::facts) struct BurnedSince(HashMap<ItemName, SavedItem>);

impl BurnedSince {
    pub(in crate::facts) fn add(&mut self, decision: &Decision) {
        let (root, last) = (RootTag::of(decision), DecisionBytes::of(&decision.id));
        for item in recorded_items(decision) {
            let name = item.name();
            let burned = SavedItem { name, last, root, until: counted_second(item.until()), used: 1 };
            let counted = self.0.entry(name);
            counted.and_modify(|before| *before = before.and(burned)).or_insert(burned);
        }
    }

    /// Calls `each` for every item of `before` together with what was burned since, and then for what was burned only
    /// since. What is not needed at this time is left out.
    pub(in crate::facts) fn try_for_each_with<E>(
        self,
        before: impl Iterator<Item = Result<SavedItem, E>>,
        time: Seconds,
        mut each: impl FnMut(&SavedItem) -> Result<(), E>,
    ) -> Result<(), E> {
        let first = first_needed(time);
        let mut new = self.0;
        for item in before {
            let item = item?;
            let item = new.remove(&item.name).map_or(item, |since| item.and(since));
            if item.until >= first {
                each(&item)?;
            }
        }
        new.values().filter(|item| item.until >= first).try_for_each(each)
    }
}
