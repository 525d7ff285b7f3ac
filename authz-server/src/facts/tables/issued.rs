//! The roots that this authority issued and that may still live, by the digest of their signing input. A stolen key
//! alone can make a root, but it cannot put it here.
//!
//! They are also counted: by the token for which they were issued, until the token expires; without a token by their holder,
//! until they expire themselves.

use ledger::FactRefused;
use ledger::entry::{Digest, Issued};
use rpds::{HashTrieMapSync, HashTrieSetSync, RedBlackTreeSetSync};
use warrant::Seconds;

use super::{FORGOTTEN_AT_ONCE, KEPT_AFTER_END_SECONDS, TableSize};

const BOUND: usize = 1_000_000;

#[derive(Clone, Debug, Default)]
pub struct IssuedRoots {
    roots: HashTrieSetSync<Digest>,
    /// Each root, by the second in which it expires.
    ends: RedBlackTreeSetSync<(u64, Digest)>,
    counts: HashTrieMapSync<Digest, u64>,
    /// Each root that is counted, by the second until which it is.
    counted: RedBlackTreeSetSync<(u64, Counted)>,
}

/// A root, with that for which it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counted {
    pub of: Digest,
    pub root: Digest,
}

/// For what a root is counted: its token, or its holder. A digest of a name is never that of a token, whose signing input has a
/// dot.
#[must_use]
pub fn counted_of(token: Option<Digest>, holder: &str) -> Digest {
    token.unwrap_or_else(|| Digest::of(holder.replace('.', "\n").as_bytes()))
}

impl IssuedRoots {
    pub fn contains(&self, root: &Digest) -> bool {
        self.roots.contains(root)
    }

    /// How many roots are counted for this token or holder.
    #[must_use]
    pub fn count(&self, of: &Digest) -> u64 {
        self.counts.get(of).copied().unwrap_or_default()
    }

    /// Each root, and when it expires.
    pub fn iter(&self) -> impl Iterator<Item = &(u64, Digest)> {
        self.ends.iter()
    }

    /// Each root that is counted, and until when.
    pub fn counted(&self) -> impl Iterator<Item = &(u64, Counted)> {
        self.counted.iter()
    }

    pub(super) fn size(&self) -> TableSize {
        TableSize { name: "issued", facts: self.counted.size().max(self.roots.size()), bound: BOUND }
    }

    /// A full table issues nothing more: a root that is not here could not be used. And the policy must have read how many there
    /// are.
    pub(super) fn check(&self, issued: &Issued) -> Result<(), FactRefused> {
        if self.size().is_full() {
            return Err(FactRefused::Full);
        }
        let count = self.count(&counted_of(issued.token, &issued.sub));
        if count == issued.roots { Ok(()) } else { Err(FactRefused::OtherFacts) }
    }

    pub(super) fn add(&mut self, issued: &Issued) {
        self.insert(issued.exp, issued.root);
        let of = counted_of(issued.token, &issued.sub);
        self.insert_counted(issued.token_exp.unwrap_or(issued.exp), Counted { of, root: issued.root });
    }

    /// Puts one back, from a snapshot.
    pub fn insert(&mut self, exp: u64, root: Digest) {
        self.roots.insert_mut(root);
        self.ends.insert_mut((exp, root));
    }

    /// The same for one that is counted until then.
    pub fn insert_counted(&mut self, until: u64, counted: Counted) {
        if self.counted.contains(&(until, counted)) {
            return;
        }
        self.counted.insert_mut((until, counted));
        self.counts.insert_mut(counted.of, self.count(&counted.of).saturating_add(1));
    }

    pub(super) fn has_ended(&self, now: Seconds) -> bool {
        self.first_ended(now).is_some() || self.first_uncounted(now).is_some()
    }

    fn first_ended(&self, now: Seconds) -> Option<(u64, Digest)> {
        let ended = |exp: u64| exp.saturating_add(KEPT_AFTER_END_SECONDS) <= now.get();
        self.ends.first().copied().filter(|(exp, _)| ended(*exp))
    }

    fn first_uncounted(&self, now: Seconds) -> Option<(u64, Counted)> {
        self.counted.first().copied().filter(|(until, _)| *until <= now.get())
    }

    pub(super) fn forget_ended(&mut self, now: Seconds) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some((exp, root)) = self.first_ended(now) else { break };
            self.ends.remove_mut(&(exp, root));
            self.roots.remove_mut(&root);
        }
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some((until, counted)) = self.first_uncounted(now) else { break };
            self.counted.remove_mut(&(until, counted));
            match self.count(&counted.of) {
                0 | 1 => drop(self.counts.remove_mut(&counted.of)),
                more => self.counts.insert_mut(counted.of, more.saturating_sub(1)),
            }
        }
    }
}
