//! Reads the keys of a map one by one, and remembers which of them have a fault.
//!
//! A reader goes on after a fault, with what it could read. What depends on a key with a fault is then not
//! checked: its faults would be guesses.

use std::collections::BTreeSet;

use crate::fault::FileFaults;
use crate::strict::{Members, Node};

/// The keys of a map whose values are not known, or not completely, because they have a fault.
#[derive(Clone, Debug, Default)]
pub(crate) struct Broken(BTreeSet<&'static str>);

impl Broken {
    /// A map that could not be read: nothing is known of these keys.
    pub(crate) fn all(keys: &[&'static str]) -> Self {
        Self(keys.iter().copied().collect())
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.contains(key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, key: &'static str) {
        self.0.insert(key);
    }
}

/// A map that is being read.
pub(super) struct Parts<'a> {
    members: Members<'a>,
    faults: FileFaults<'a>,
    pub(super) broken: Broken,
}

impl<'a> Parts<'a> {
    pub(super) fn new(members: Members<'a>, faults: FileFaults<'a>) -> Self {
        Self { members, faults, broken: Broken::default() }
    }

    /// The value of a key that may be absent, as far as it could be read.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'a Node) -> Option<T>,
    ) -> Option<T> {
        let Some(node) = self.members.get(key) else {
            if self.members.misspells(key) {
                self.broken.add(key);
            }
            return None;
        };
        let before = self.faults.count();
        let value = read(node);
        if value.is_none() || self.faults.count() != before {
            self.broken.add(key);
        }
        value
    }

    /// The value of a key that must be there, as far as it could be read.
    pub(super) fn needed<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'a Node) -> Option<T>,
    ) -> Option<T> {
        if self.members.need(key, self.faults).is_none() {
            self.broken.add(key);
            return None;
        }
        self.optional(key, read)
    }
}

/// The items that could be read. The others have faults.
pub(super) fn readable<T>(items: &[Node], read: impl Fn(&Node) -> Option<T>) -> Vec<T> {
    items.iter().filter_map(read).collect()
}
