//! The table of burned uses and proofs: a warrant for one use works once.
//!
//! It is an index over the `burned` members of the ledger's decisions. A use is burned here *before* its decision is
//! recorded, and it is never given back, even if the decision then fails or cannot be recorded.

mod item;
mod saved;
mod share;
mod slots;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use warrant::Seconds;

pub(super) use item::recorded_items;
pub use item::{BurnedItem, BurnedItems, Wanted};
use item::{DecisionBytes, ItemName, WantedItem};
pub(super) use saved::{BurnedSince, SavedItem};
pub use share::RootTag;
use share::{CountByOwner, SourceTag};
use slots::{NewItem, Slot, Slots};

/// A decision reads its clock before it burns, and other entries may be recorded in between. An item is forgotten only
/// when an allow by a clock before its expiry would be refused by the ledger, because it comes too late.
const KEPT_AFTER_EXPIRY_SECONDS: u64 = ledger::FORWARD_RECORDED_WITHIN_SECONDS + 1;

/// How many items are counted, and how many of them for one root and for one source of requests. An item takes at most
/// 100 bytes, its part of the indexes included; a test measures it.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub all: usize,
    pub root: u32,
    pub source: u32,
}

/// A root has an eighth, so that one holder denies itself first. A source has a quarter: all the holders behind one
/// address together.
const ROOM: Room = Room { all: 2_000_000, root: 250_000, source: 500_000 };

/// One decision forgets at most this many expired items. It adds ten at most, so the table keeps up, and no decision
/// waits while another one forgets all that expired in one second.
const FORGOTTEN_AT_ONCE: usize = 1024;

/// For whom a decision burns.
#[derive(Clone, Copy, Debug)]
pub struct BurnFor<'a> {
    pub decision: &'a str,
    pub root: RootTag,
    /// The source of the request, as floods of denials tell sources apart.
    pub source: &'a str,
}

/// Why nothing was burned.
#[derive(Debug, PartialEq, Eq)]
pub enum NotBurned {
    /// One of the uses is burned already; this decision burned it (or the last of them), if that is known.
    Replayed { first: Option<String> },
    /// There is no space for another item until one expires.
    Full(Full),
}

/// What is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    Table,
    ShareOfRoot,
    ShareOfSource,
}

/// The table. It has one lock: burning is a few map operations, far cheaper than the sync that follows.
#[derive(Debug)]
pub struct BurnTable {
    room: Room,
    index: Mutex<Index>,
}

#[derive(Debug)]
struct Index {
    slots: Slots,
    roots: CountByOwner,
    sources: CountByOwner,
}

impl Default for BurnTable {
    fn default() -> BurnTable {
        BurnTable::with_room(ROOM)
    }
}

impl BurnTable {
    pub fn with_room(room: Room) -> BurnTable {
        let (roots, sources) = (CountByOwner::default(), CountByOwner::default());
        BurnTable { room, index: Mutex::new(Index { slots: Slots::new(), roots, sources }) }
    }

    /// Burns all of it or none. `now` must be the time of an entry that is on record: what is forgotten by a clock that runs
    /// ahead could be used again when the clock is right.
    pub fn burn(
        &self,
        Wanted(wanted): Wanted,
        now: Seconds,
        burn_for: BurnFor<'_>,
    ) -> Result<BurnedItems, NotBurned> {
        let mut index = self.index();
        index.forget_expired(now);
        if let Some(first) = index.burner_of_any(&wanted) {
            return Err(NotBurned::Replayed { first: first.to_id() });
        }
        let source = index.sources.source(burn_for.source);
        index.check_room(&wanted, self.room, burn_for.root, source).map_err(NotBurned::Full)?;
        for WantedItem { item, name, .. } in &wanted {
            index.take(*name, item.until(), burn_for.root, source, burn_for.decision);
        }
        Ok(BurnedItems(wanted.into_iter().map(|wanted| wanted.item).collect()))
    }

    /// The decision that burned one of these uses, or the last of them, if that is known. It burns nothing.
    pub fn burned_by(&self, wanted: &Wanted) -> Option<NotBurned> {
        let first = self.index().burner_of_any(&wanted.0)?;
        Some(NotBurned::Replayed { first: first.to_id() })
    }

    /// Restores what a recorded decision burned, while the ledger is folded; limits and shares are not checked again.
    /// `time` is that of the decision's entry.
    pub fn restore_recorded(&self, item: &BurnedItem, time: Seconds, root: RootTag, decision: &str) {
        let mut index = self.index();
        index.forget_expired(time);
        index.take(item.name(), item.until(), root, SourceTag::default(), decision);
    }

    /// Restores an item of a snapshot.
    pub(super) fn restore(&self, item: &SavedItem) {
        let SavedItem { name, last, root, until, used } = *item;
        if let Some(slot) = self.index().slot_for(name, until, root, SourceTag::default()) {
            (slot.used, slot.last) = (used, last);
        }
    }

    /// Calls `each` for every item that is still needed at this time, in no particular order, until an error.
    pub(super) fn try_for_each_unexpired<E>(
        &self,
        time: Seconds,
        mut each: impl FnMut(&SavedItem) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = first_needed(time);
        let index = self.index();
        index.slots.iter().filter(|slot| slot.until >= before).try_for_each(|slot| each(&saved(slot)))
    }

    pub fn len(&self) -> usize {
        self.index().slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // No code under this lock can panic in the middle of a change.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn burner_of_any(&self, wanted: &[WantedItem]) -> Option<DecisionBytes> {
        let burner = |wanted: &WantedItem| {
            let slot = self.slots.get(wanted.name)?;
            (slot.used >= wanted.max).then_some(slot.last)
        };
        wanted.iter().find_map(burner)
    }

    /// Checks that there is space for the items that are not counted yet.
    fn check_room(
        &self,
        wanted: &[WantedItem],
        room: Room,
        root: RootTag,
        source: SourceTag,
    ) -> Result<(), Full> {
        let more = wanted.iter().filter(|wanted| self.slots.get(wanted.name).is_none()).count();
        let more_of_one = u32::try_from(more).unwrap_or(u32::MAX);
        let (of_root, of_source) = (self.roots.count(root.0), self.sources.count(u64::from(source.0)));
        if more == 0 {
            Ok(())
        } else if self.slots.len().saturating_add(more) > room.all {
            Err(Full::Table)
        } else if of_root.saturating_add(more_of_one) > room.root {
            Err(Full::ShareOfRoot)
        } else if of_source.saturating_add(more_of_one) > room.source {
            Err(Full::ShareOfSource)
        } else {
            Ok(())
        }
    }

    fn take(&mut self, name: ItemName, until: Seconds, root: RootTag, source: SourceTag, decision: &str) {
        let until = counted_second(until);
        if let Some(slot) = self.slot_for(name, until, root, source) {
            slot.used = slot.used.saturating_add(1);
            slot.last = DecisionBytes::of(decision);
            // Two warrants of one name share their count, so it is kept for the one that expires last.
            slot.until = slot.until.max(until);
        }
    }

    /// The slot of this name; a new one if there is none.
    fn slot_for(
        &mut self,
        name: ItemName,
        until: u32,
        root: RootTag,
        source: SourceTag,
    ) -> Option<&mut Slot> {
        let Index { slots, roots, sources } = self;
        slots.slot_for(NewItem { name, root, source, until }, || {
            roots.add(root.0);
            sources.add(u64::from(source.0));
        })
    }

    fn forget_expired(&mut self, now: Seconds) {
        let Index { slots, roots, sources } = self;
        slots.remove_expired(first_needed(now), FORGOTTEN_AT_ONCE, |slot| {
            roots.remove(slot.root.0);
            sources.remove(u64::from(slot.source.0));
        });
    }
}

/// A second as items count it.
fn counted_second(until: Seconds) -> u32 {
    u32::try_from(until.get()).unwrap_or(u32::MAX)
}

/// Items that expired before this second are not needed. A link past its `exp` is denied as expired, and a proof past its
/// window is invalid. In the last second of its window a proof still holds.
fn first_needed(now: Seconds) -> u32 {
    u32::try_from(now.get().saturating_sub(KEPT_AFTER_EXPIRY_SECONDS)).unwrap_or(u32::MAX)
}

fn saved(slot: &Slot) -> SavedItem {
    let Slot { name, last, root, until, used, .. } = *slot;
    SavedItem { name, last, root, until, used }
}
