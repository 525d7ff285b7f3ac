//! Shares of the table: how much of it the holders of one root may fill, and how much one source may.
//!
//! A root's holder may narrow it into any number of limited links and make any number of proofs. Without a share, one
//! holder could fill the table, and everybody else's limited warrants would be refused. A share only refuses new items;
//! it never removes one, because what is forgotten could be used again.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use ledger::entry::{BurnKind, Decision, RecordedBurn};

use super::item;
use crate::facts::tag_of;

/// A root, for counting: eight bytes of a digest of its issuer and `jti`. All zero is unknown, and counted for nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootTag(pub(super) u64);

impl RootTag {
    /// The root under which a decision was made, as its entry names it. An entry that had to be shortened has no chain;
    /// then the root is the first `jti` in the path of a burned link.
    pub fn of(decision: &Decision) -> RootTag {
        if let Some(root) = decision.chain.first() {
            return root.iss.as_ref().map_or(RootTag::default(), |iss| RootTag::named(iss, &root.jti));
        }
        let link = decision.burns().find(|burned| burned.what == BurnKind::Use);
        let from_path = |link: RecordedBurn| Some(RootTag::named(&link.owner, link.name.split('/').next()?));
        link.and_then(from_path).unwrap_or_default()
    }

    pub(super) fn named(iss: &str, jti: &str) -> RootTag {
        RootTag(tag_of(&item::digest('r', iss, jti)))
    }
}

/// A source of requests, for counting. All zero is unknown, and counted for nobody: entries do not hold the address of a
/// client, so what was burned before a start counts for no source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SourceTag(pub(super) u32);

/// Counts items by owner, in a table of a fixed size whatever the number of owners.
///
/// An owner has one counter in each of four rows, chosen by a hash with a key of this process, and its count is the
/// smallest of the four. A count is never too small. It is much too large only if each of the four counters is shared
/// with an owner that has many items. There are at most eight such owners, so the chance is about 1 in 10^13.
#[derive(Debug)]
pub(super) struct CountByOwner {
    key: RandomState,
    counters: Vec<u32>,
}

const ROWS: usize = 4;
const ROW_BITS: u32 = 14;

impl Default for CountByOwner {
    fn default() -> CountByOwner {
        CountByOwner { key: RandomState::new(), counters: vec![0; ROWS << ROW_BITS] }
    }
}

impl CountByOwner {
    /// `owner`: any number that stands for the owner. Zero is an unknown owner, whose count is always zero.
    pub(super) fn count(&self, owner: u64) -> u32 {
        let counts = self.places(owner).into_iter().filter_map(|place| self.counters.get(place));
        if owner == 0 { 0 } else { counts.copied().min().unwrap_or(0) }
    }

    pub(super) fn add(&mut self, owner: u64) {
        self.change(owner, |count| count.saturating_add(1));
    }

    pub(super) fn remove(&mut self, owner: u64) {
        self.change(owner, |count| count.saturating_sub(1));
    }

    fn change(&mut self, owner: u64, change: impl Fn(u32) -> u32) {
        for place in self.places(owner).into_iter().filter(|_| owner != 0) {
            if let Some(count) = self.counters.get_mut(place) {
                *count = change(*count);
            }
        }
    }

    /// One place in each row. The places are different, so a change counts once in each.
    fn places(&self, owner: u64) -> [usize; ROWS] {
        let mut rest = self.key.hash_one(owner);
        let mut row = 0;
        [(); ROWS].map(|()| {
            let column = usize::try_from(rest & ((1 << ROW_BITS) - 1)).unwrap_or(0);
            let place = (row << ROW_BITS) | column;
            rest >>= ROW_BITS;
            row = usize::saturating_add(row, 1);
            place
        })
    }

    /// A source as a number. A client with IPv6 has at least 2^64 addresses, so the first half of an address is the source.
    pub(super) fn source(&self, source: &str) -> SourceTag {
        let hash = match source.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V6(address)) => self.key.hash_one(address.segments().first_chunk::<4>()),
            Ok(IpAddr::V4(address)) => self.key.hash_one(address),
            Err(_) => self.key.hash_one(source),
        };
        SourceTag(u32::try_from(hash >> 32).unwrap_or(0).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_exact_beside_thousands_of_small_owners_and_a_few_large_ones() {
        let mut counts = CountByOwner::default();
        let owner = |n: u64| n + 1;
        for n in 0..8 {
            (0..100_000).for_each(|_| counts.add(owner(n)));
        }
        (0..5_000).for_each(|n| counts.add(owner(8 + n)));
        for n in 0..8 {
            assert!((100_000..100_100).contains(&counts.count(owner(n))));
        }
        for n in 0..5_000 {
            assert!((1..50).contains(&counts.count(owner(8 + n))), "small owner {n}");
        }
        for n in 0..8 {
            (0..100_000).for_each(|_| counts.remove(owner(n)));
        }
        (0..5_000).for_each(|n| counts.remove(owner(8 + n)));
        assert!((0..6_000).all(|n| counts.count(owner(n)) == 0), "what is removed counts no more");
        assert_eq!(counts.count(0), 0);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_source() {
        let counts = CountByOwner::default();
        let same = |a, b| counts.source(a) == counts.source(b);
        assert!(same("2001:db8:1:2::7", "2001:db8:1:2:ffff::1") && same("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!same("2001:db8:1:2::7", "2001:db8:1:3::7") && !same("10.0.0.1", "10.0.0.2"));
        assert!(!same("spiffe://a/b", "spiffe://a/c") && same("spiffe://a/b", "spiffe://a/b"));
    }
}
