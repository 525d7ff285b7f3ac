//! The memory of the table: items of 72 bytes in slots, found by their names and in the order in which they expire.
//!
//! Slots are allocated in chunks that never move. Only the index over them is copied when it grows. It knows no limits
//! and no shares.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::item::{DecisionBytes, ItemName};
use super::share::{RootTag, SourceTag};

/// One counted item. Its members are ordered so that there is no padding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) name: ItemName,
    /// The decision that burned it last.
    pub(super) last: DecisionBytes,
    pub(super) root: RootTag,
    /// The second after which no decision asks for it.
    pub(super) until: u32,
    pub(super) used: u32,
    pub(super) source: SourceTag,
    /// The next slot that expires in the same second, or the next free slot; `NONE` is the last.
    next: u32,
}

const NONE: u32 = u32::MAX;
const CHUNK: usize = 1024;

#[derive(Debug)]
pub(super) struct Slots {
    chunks: Vec<Vec<Slot>>,
    free: u32,
    /// The number of the slot of each name.
    index: HashTable<u32>,
    /// The hash has a secret key, so that nobody can choose names whose hashes collide.
    key: RandomState,
    /// For each second, the first slot of its list. A slot may be in the list of an earlier second than its own.
    by_expiry: BTreeMap<u32, u32>,
}

impl Slots {
    /// An empty table. Its index grows with it: most servers never count millions of names, and an index for them would
    /// take memory from the start. Each time it doubles, one decision waits for it, for tens of milliseconds at most.
    pub(super) fn new() -> Slots {
        Slots {
            chunks: Vec::new(),
            free: NONE,
            index: HashTable::new(),
            key: RandomState::new(),
            by_expiry: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn get(&self, name: ItemName) -> Option<&Slot> {
        at(&self.chunks, self.find(name, self.hash(name))?)
    }

    fn hash(&self, name: ItemName) -> u64 {
        self.key.hash_one(name.0)
    }

    fn find(&self, name: ItemName, hash: u64) -> Option<u32> {
        let is_it = |number: &u32| at(&self.chunks, *number).is_some_and(|slot| slot.name == name);
        self.index.find(hash, is_it).copied()
    }

    /// The slot of an item. If it has none yet, it gets one, and `added` is called.
    pub(super) fn slot_for(&mut self, item: NewItem, added: impl FnOnce()) -> Option<&mut Slot> {
        let hash = self.hash(item.name);
        let number = self.find(item.name, hash).unwrap_or_else(|| {
            added();
            self.insert(item, hash)
        });
        at_mut(&mut self.chunks, number)
    }

    fn insert(&mut self, item: NewItem, hash: u64) -> u32 {
        let NewItem { name, root, source, until } = item;
        let number = self.free_slot();
        let next = self.by_expiry.insert(until, number).unwrap_or(NONE);
        let slot = Slot { name, last: DecisionBytes::default(), root, until, used: 0, source, next };
        if let Some(place) = at_mut(&mut self.chunks, number) {
            *place = slot;
        }
        let Slots { chunks, index, key, .. } = self;
        let hash_of = |number: &u32| key.hash_one(at(chunks, *number).map_or([0; 32], |slot| slot.name.0));
        index.insert_unique(hash, number, hash_of);
        number
    }

    /// The number of a slot that holds nothing.
    fn free_slot(&mut self) -> u32 {
        if self.free == NONE {
            self.add_chunk();
        }
        let number = self.free;
        self.free = at(&self.chunks, number).map_or(NONE, |slot| slot.next);
        number
    }

    fn add_chunk(&mut self) {
        let first = self.chunks.len().saturating_mul(CHUNK);
        let empty = |number: usize| Slot {
            name: ItemName([0; 32]),
            last: DecisionBytes::default(),
            root: RootTag::default(),
            until: 0,
            used: 0,
            source: SourceTag::default(),
            // The slots of a new chunk are a list, in their order.
            next: u32::try_from(number.saturating_add(1)).unwrap_or(NONE),
        };
        let mut chunk: Vec<Slot> = Vec::with_capacity(CHUNK);
        chunk.extend((first..first.saturating_add(CHUNK)).map(empty));
        if let Some(last) = chunk.last_mut() {
            last.next = NONE;
        }
        self.chunks.push(chunk);
        self.free = u32::try_from(first).unwrap_or(NONE);
    }

    /// Removes items that expired before this second, at most `most` of them, and calls `removed` for each.
    pub(super) fn remove_expired(&mut self, before: u32, most: usize, mut removed: impl FnMut(&Slot)) {
        for _ in 0..most {
            let Some(mut oldest) = self.by_expiry.first_entry().filter(|entry| *entry.key() < before) else {
                return;
            };
            let number = *oldest.get();
            let Some(slot) = at(&self.chunks, number).copied() else { return };
            // The list goes on with the next slot, or has no more.
            if slot.next == NONE {
                oldest.remove();
            } else {
                oldest.insert(slot.next);
            }
            if slot.until >= before {
                // It was burned again, with a later expiry, since it came into this list.
                self.move_to_its_second(number, slot.until);
                continue;
            }
            removed(&slot);
            let is_it = |other: &u32| *other == number;
            if let Ok(found) = self.index.find_entry(self.key.hash_one(slot.name.0), is_it) {
                found.remove();
            }
            if let Some(place) = at_mut(&mut self.chunks, number) {
                place.next = self.free;
            }
            self.free = number;
        }
    }

    fn move_to_its_second(&mut self, number: u32, until: u32) {
        let next = self.by_expiry.insert(until, number).unwrap_or(NONE);
        if let Some(place) = at_mut(&mut self.chunks, number) {
            place.next = next;
        }
    }

    /// Every item, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.index.iter().filter_map(|number| at(&self.chunks, *number))
    }
}

/// What is known of an item before it is used for the first time.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewItem {
    pub(super) name: ItemName,
    pub(super) root: RootTag,
    pub(super) source: SourceTag,
    pub(super) until: u32,
}

fn at(chunks: &[Vec<Slot>], number: u32) -> Option<&Slot> {
    let number = usize::try_from(number).ok()?;
    chunks.get(number / CHUNK)?.get(number % CHUNK)
}

fn at_mut(chunks: &mut [Vec<Slot>], number: u32) -> Option<&mut Slot> {
    let number = usize::try_from(number).ok()?;
    chunks.get_mut(number / CHUNK)?.get_mut(number % CHUNK)
}
