//! The roots that this authority issued and that may still live, by the digest of their signing input. A stolen key
//! alone can make a root, but it cannot put it here.

use ledger::FactRefused;
use ledger::entry::{Digest, Issued};
use rpds::{HashTrieSetSync, RedBlackTreeSetSync};
use warrant::Seconds;

use super::{FORGOTTEN_AT_ONCE, KEPT_AFTER_END_SECONDS, TableSize};

const BOUND: usize = 1_000_000;

#[derive(Clone, Debug, Default)]
pub struct IssuedRoots {
    roots: HashTrieSetSync<Digest>,
    ends: RedBlackTreeSetSync<(u64, Digest)>,
}

impl IssuedRoots {
    pub fn contains(&self, root: &Digest) -> bool {
        self.roots.contains(root)
    }

    /// Each root, and when it expires.
    pub fn iter(&self) -> impl Iterator<Item = &(u64, Digest)> {
        self.ends.iter()
    }

    pub(super) fn size(&self) -> TableSize {
        TableSize { name: "issued", facts: self.roots.size(), bound: BOUND }
    }

    /// A full table issues nothing more: a root that is not here could not be used.
    pub(super) fn check(&self) -> Result<(), FactRefused> {
        if self.roots.size() < BOUND { Ok(()) } else { Err(FactRefused::Full) }
    }

    pub(super) fn add(&mut self, issued: &Issued) {
        self.insert(issued.exp, issued.root);
    }

    /// Puts one back, from a snapshot.
    pub fn insert(&mut self, exp: u64, root: Digest) {
        self.roots.insert_mut(root);
        self.ends.insert_mut((exp, root));
    }

    pub(super) fn has_ended(&self, now: Seconds) -> bool {
        self.first_ended(now).is_some()
    }

    fn first_ended(&self, now: Seconds) -> Option<(u64, Digest)> {
        let ended = |exp: u64| exp.saturating_add(KEPT_AFTER_END_SECONDS) <= now.get();
        self.ends.first().copied().filter(|(exp, _)| ended(*exp))
    }

    pub(super) fn forget_ended(&mut self, now: Seconds) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some((exp, root)) = self.first_ended(now) else { return };
            self.ends.remove_mut(&(exp, root));
            self.roots.remove_mut(&root);
        }
    }
}
