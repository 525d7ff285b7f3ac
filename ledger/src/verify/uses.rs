//! Counts burned uses and proofs over the whole log, and finds a limit that was exceeded.
//!
//! The order in which uses were burned is not the order in which they were recorded. So a holder who wrote two links of the
//! same path with different limits must not look like a fault: what counts is whether *some* order keeps all limits.
//!
//! Memory: about 75 to 150 bytes for each use or proof that has not expired. A use is forgotten
//! `FORWARD_RECORDED_WITHIN_SECONDS` after its expiry, because no allow may be recorded later than that.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use crate::entry::RecordedBurn;
use crate::ledger::FORWARD_RECORDED_WITHIN_SECONDS;

/// A name as 128 bits of two keyed hashes: nobody who does not know this audit's random keys can find two names with the
/// same bits.
type Name = [u64; 2];

#[derive(Default)]
pub(super) struct Uses {
    keys: [RandomState; 2],
    counts: HashMap<Name, Count>,
    /// The number of counts above which expired ones are removed.
    sweep_at: usize,
}

#[derive(Default)]
struct Count {
    /// The latest expiry of its burns.
    until: u64,
    /// The limit of the first burn, and how often it was burned under this limit.
    max: u64,
    used: u64,
    /// The same for other limits; almost always empty.
    others: BTreeMap<u64, u64>,
}

impl Uses {
    /// Takes a burn; `now` is the time of its record. Returns false if it exceeds a limit.
    pub(super) fn add(&mut self, burn: &RecordedBurn, now: u64) -> bool {
        self.sweep(now);
        let name = self.keys.each_ref().map(|key| key.hash_one((burn.what, &burn.owner, &burn.name)));
        let count = self.counts.entry(name).or_default();
        // Everything that was burned before is over: this is another warrant or proof of the same name.
        if is_over(count.until, now) {
            *count = Count { max: burn.max, ..Count::default() };
        }
        count.until = count.until.max(burn.until);
        count.add(burn.max)
    }

    fn sweep(&mut self, now: u64) {
        if self.counts.len() < self.sweep_at {
            return;
        }
        self.counts.retain(|_, count| !is_over(count.until, now));
        self.sweep_at = self.counts.len().saturating_mul(2).max(1024);
    }
}

/// Whether an allow that is recorded now cannot have been before this expiry by its own clock. An earlier end would be too
/// early: a use of another warrant of this name could come between two allows of one warrant, and hide the first.
fn is_over(until: u64, now: u64) -> bool {
    now > until.saturating_add(FORWARD_RECORDED_WITHIN_SECONDS)
}

impl Count {
    /// Counts one use under this limit. Returns whether some order of all uses keeps every limit: for each limit, there
    /// are at most as many uses under it or a lower one.
    fn add(&mut self, max: u64) -> bool {
        if max == self.max {
            self.used = self.used.saturating_add(1);
        } else {
            let used = self.others.entry(max).or_default();
            *used = used.saturating_add(1);
        }
        if self.others.is_empty() {
            return self.used <= self.max;
        }
        let mut limits = self.others.clone();
        limits.insert(self.max, self.used);
        let mut sum: u64 = 0;
        limits.into_iter().all(|(limit, used)| {
            sum = sum.saturating_add(used);
            sum <= limit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::BurnKind;

    fn burn(name: &str, max: u64, until: u64) -> RecordedBurn {
        RecordedBurn { max, name: name.to_owned(), owner: "https://a".to_owned(), until, what: BurnKind::Use }
    }

    #[test]
    fn a_use_beyond_the_limit_is_found_until_the_expiry() {
        let mut uses = Uses::default();
        assert!(uses.add(&burn("r", 2, 100), 10) && uses.add(&burn("r", 2, 100), 11));
        assert!(uses.add(&burn("other", 1, 100), 11));
        assert!(!uses.add(&burn("r", 2, 100), 99));
        assert!(!uses.add(&burn("r", 2, 100), 160), "an allow at 100 that was recorded late");
        assert!(uses.add(&burn("r", 2, 500), 161), "another warrant of the same name");
    }

    #[test]
    fn a_use_by_another_warrant_of_the_name_just_after_the_expiry_hides_no_use() {
        let mut uses = Uses::default();
        assert!(uses.add(&burn("r", 1, 100), 99));
        uses.add(&burn("r", 5, 500), 101);
        assert!(!uses.add(&burn("r", 1, 100), 101), "an allow at 99 or 100 that was recorded a little later");
    }

    #[test]
    fn uses_under_several_limits_are_counted_as_if_burned_in_the_best_order() {
        let mut uses = Uses::default();
        // Burned in the order 1, 5, 5, and recorded in another.
        assert!([5, 5, 1].into_iter().all(|max| uses.add(&burn("r", max, 100), 10)));
        assert!(!uses.add(&burn("r", 1, 100), 10), "the second use under a limit of one");
    }

    #[test]
    fn expired_uses_are_forgotten() {
        let mut uses = Uses::default();
        for n in 0..10_000_u64 {
            assert!(uses.add(&burn(&n.to_string(), 1, n + 10), n));
        }
        assert!(uses.counts.len() < 2_048, "{}", uses.counts.len());
    }
}
