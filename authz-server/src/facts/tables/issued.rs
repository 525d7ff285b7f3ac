//! The roots that this authority issued and that may still live, by the digest of their signing input. A stolen key
//! alone can make a root, but it cannot put it here.
//!
//! They are also counted: by the token for which they were issued, until the token expires; without a token by their holder,
//! until they expire themselves.

use ledger::FactRefused;
use ledger::entry::{Digest, Issued};
use rpds::{HashTrieMapSync, HashTrieSetSync, RedBlackTreeMapSync};
use warrant::Seconds;

use super::{FORGOTTEN_AT_ONCE, KEPT_AFTER_END_SECONDS, TableSize};
use crate::facts::tag_of;

const BOUND: usize = 1_000_000;

/// How many rows of both tables one holder may have, so that nobody alone can fill them and keep all others from getting roots.
/// Somebody who asks as fast as one may, with lifetimes of a quarter of an hour, has about half of them.
const SHARE: u64 = 125_000;

#[derive(Clone, Debug, Default)]
pub struct IssuedRoots {
    roots: HashTrieSetSync<Digest>,
    /// The holder of each root, by the second in which the root expires.
    ends: RedBlackTreeMapSync<(u64, Digest), IssuedTo>,
    counts: HashTrieMapSync<Digest, u64>,
    /// The roots that are counted for the same token or holder until the same second: by that second, and by what they are counted
    /// for. A token has one row, however many roots it yields.
    counted: RedBlackTreeMapSync<(u64, Digest), CountedRoots>,
    /// How many rows of the two tables each holder has.
    rows: HashTrieMapSync<IssuedTo, u64>,
}

/// Stands for a holder: the first bytes of the digest of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuedTo(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedRoots {
    pub holder: IssuedTo,
    pub count: u64,
}

impl IssuedTo {
    fn of(holder: &str) -> IssuedTo {
        IssuedTo(tag_of(&Digest::of(holder.as_bytes())))
    }
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

    /// Each root with its holder, and when it expires.
    pub fn iter(&self) -> impl Iterator<Item = ((u64, Digest), IssuedTo)> {
        self.ends.iter().map(|(end, holder)| (*end, *holder))
    }

    /// How many roots are counted, until when, and for what.
    pub fn counted(&self) -> impl Iterator<Item = ((u64, Digest), CountedRoots)> {
        self.counted.iter().map(|(until, counted)| (*until, *counted))
    }

    pub(super) fn size(&self) -> TableSize {
        TableSize { name: "issued", facts: self.counted.size().max(self.roots.size()), bound: BOUND }
    }

    /// A full table issues nothing more: a root that is not here could not be used. And the policy must have read how many there
    /// are.
    pub(super) fn check(&self, issued: &Issued) -> Result<(), FactRefused> {
        let rows = self.rows.get(&IssuedTo::of(&issued.sub)).copied().unwrap_or_default();
        if self.size().is_full() || rows >= SHARE {
            return Err(FactRefused::Full);
        }
        let count = self.count(&counted_of(issued.token, &issued.sub));
        if count == issued.roots { Ok(()) } else { Err(FactRefused::OtherFacts) }
    }

    pub(super) fn add(&mut self, issued: &Issued) {
        let holder = IssuedTo::of(&issued.sub);
        self.insert((issued.exp, issued.root), holder);
        let until = issued.token_exp.unwrap_or(issued.exp);
        self.insert_counted(
            (until, counted_of(issued.token, &issued.sub)),
            CountedRoots { holder, count: 1 },
        );
    }

    /// Adds a root that expires in this second.
    pub fn insert(&mut self, end: (u64, Digest), holder: IssuedTo) {
        self.roots.insert_mut(end.1);
        if !self.ends.contains_key(&end) {
            self.ends.insert_mut(end, holder);
            self.add_row(holder);
        }
    }

    /// Adds roots that are counted until this second.
    pub fn insert_counted(&mut self, until: (u64, Digest), CountedRoots { holder, count }: CountedRoots) {
        let before = self.counted.get(&until).map(|counted| counted.count);
        if before.is_none() {
            self.add_row(holder);
        }
        let count_here = before.unwrap_or_default().saturating_add(count);
        self.counted.insert_mut(until, CountedRoots { holder, count: count_here });
        self.counts.insert_mut(until.1, self.count(&until.1).saturating_add(count));
    }

    fn add_row(&mut self, holder: IssuedTo) {
        let rows = self.rows.get(&holder).copied().unwrap_or_default();
        self.rows.insert_mut(holder, rows.saturating_add(1));
    }

    fn remove_row(&mut self, holder: IssuedTo) {
        match self.rows.get(&holder) {
            Some(rows) if *rows > 1 => {
                let left = rows.saturating_sub(1);
                self.rows.insert_mut(holder, left);
            }
            Some(_) | None => drop(self.rows.remove_mut(&holder)),
        }
    }

    pub(super) fn has_ended(&self, now: Seconds) -> bool {
        self.first_ended(now).is_some() || self.first_uncounted(now).is_some()
    }

    fn first_ended(&self, now: Seconds) -> Option<((u64, Digest), IssuedTo)> {
        let ended = |exp: u64| exp.saturating_add(KEPT_AFTER_END_SECONDS) <= now.get();
        self.ends.first().map(|(end, holder)| (*end, *holder)).filter(|((exp, _), _)| ended(*exp))
    }

    fn first_uncounted(&self, now: Seconds) -> Option<((u64, Digest), CountedRoots)> {
        let first = self.counted.first().map(|(until, counted)| (*until, *counted));
        first.filter(|((until, _), _)| *until <= now.get())
    }

    pub(super) fn forget_ended(&mut self, now: Seconds) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some((end, holder)) = self.first_ended(now) else { break };
            self.ends.remove_mut(&end);
            self.roots.remove_mut(&end.1);
            self.remove_row(holder);
        }
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some((until, CountedRoots { holder, count })) = self.first_uncounted(now) else { break };
            self.counted.remove_mut(&until);
            self.remove_row(holder);
            match self.count(&until.1).saturating_sub(count) {
                0 => drop(self.counts.remove_mut(&until.1)),
                left => self.counts.insert_mut(until.1, left),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::examples;

    const NOW: u64 = 1000;

    fn of(sub: &str, token: Option<&str>, roots: u64, number: u64) -> Issued {
        Issued {
            sub: sub.to_owned(),
            token: token.map(|token| Digest::of(token.as_bytes())),
            token_exp: token.map(|_| NOW + 600),
            root: Digest::of(number.to_string().as_bytes()),
            roots,
            ..examples::issued(NOW)
        }
    }

    #[test]
    fn a_token_has_one_row_however_many_roots_it_yields_and_is_counted_until_it_expires() {
        let mut table = IssuedRoots::default();
        for roots in 0..100 {
            let issued = of("agent:a", Some("t"), roots, roots);
            table.check(&issued).unwrap();
            assert_eq!(
                table.check(&Issued { roots: roots + 1, ..issued.clone() }),
                Err(FactRefused::OtherFacts)
            );
            table.add(&issued);
        }
        assert_eq!((table.counted.size(), table.roots.size()), (1, 100));
        while table.has_ended(Seconds::new(NOW + 60 + KEPT_AFTER_END_SECONDS)) {
            table.forget_ended(Seconds::new(NOW + 60 + KEPT_AFTER_END_SECONDS));
        }
        let token = counted_of(Some(Digest::of(b"t")), "agent:a");
        assert_eq!((table.roots.size(), table.count(&token)), (0, 100), "the token lives");
        table.forget_ended(Seconds::new(NOW + 600));
        assert_eq!((table.count(&token), table.counted.size(), table.rows.size()), (0, 0, 0));
    }

    #[test]
    fn one_holder_cannot_fill_the_table_for_the_others() {
        let mut table = IssuedRoots::default();
        let mut number = 0;
        loop {
            let issued = of("agent:greedy", Some(&format!("t{number}")), 0, number);
            let taken = table.check(&issued);
            if taken.is_err() {
                assert_eq!(taken, Err(FactRefused::Full));
                break;
            }
            table.add(&issued);
            number += 1;
        }
        // Each root is a row, and each token.
        assert_eq!(number * 2, SHARE);
        assert_eq!(table.check(&of("agent:b", Some("other"), 0, number)), Ok(()));
        let after = Seconds::new(NOW + 60 + KEPT_AFTER_END_SECONDS);
        while table.has_ended(after) {
            table.forget_ended(after);
        }
        assert_eq!(
            table.check(&of("agent:greedy", Some("new"), 0, number)),
            Ok(()),
            "its roots have expired"
        );
    }
}
