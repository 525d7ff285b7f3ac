//! How many facts callers and attestors may bring: each for itself, and all together. A flood by one must not keep another
//! from revoking. The caller passes the time in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A bucket of tokens: it fills with `a_second` tokens each second, up to `most`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub a_second: u32,
    pub most: u32,
}

/// What one caller, or one attestor, may bring.
pub(super) const EACH: Rate = Rate { a_second: 20, most: 100 };

/// What all may bring together. The writer takes thousands, so this only bounds what the log and the tables take.
pub(super) const ALL: Rate = Rate { a_second: 400, most: 1000 };

/// For sources that are only bounded each for itself.
pub(super) const UNBOUNDED: Rate = Rate { a_second: u32::MAX, most: u32::MAX };

/// How many sources are remembered. One whose bucket is full again needs no memory.
const SOURCES_AT_MOST: usize = 10_000;

#[derive(Debug)]
struct Rates {
    each: Rate,
    all: Bucket,
    all_rate: Rate,
    sources: HashMap<String, Bucket>,
}

/// The same for many callers at once. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct SharedRates(Arc<Mutex<Rates>>);

impl SharedRates {
    pub(super) fn new(each: Rate, all: Rate, now: u64) -> SharedRates {
        SharedRates(Arc::new(Mutex::new(Rates::new(each, all, now))))
    }

    /// As [`Rates::admit`].
    pub(super) fn admit(&self, sources: &[&str], now: u64) -> bool {
        // Counts stay usable even if a thread panicked while changing them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).admit(sources, now)
    }
}

/// In thousandths of a token.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: u64,
    /// In milliseconds.
    at: u64,
}

const TOKEN: u64 = 1000;

impl Bucket {
    fn full(rate: Rate, now: u64) -> Bucket {
        Bucket { tokens: u64::from(rate.most).saturating_mul(TOKEN), at: now }
    }

    fn fill(&mut self, rate: Rate, now: u64) {
        let more = now.saturating_sub(self.at).saturating_mul(u64::from(rate.a_second));
        self.tokens = self.tokens.saturating_add(more).min(u64::from(rate.most).saturating_mul(TOKEN));
        self.at = self.at.max(now);
    }

    fn take(&mut self) {
        self.tokens = self.tokens.saturating_sub(TOKEN);
    }

    fn has_one(&self) -> bool {
        self.tokens >= TOKEN
    }
}

impl Rates {
    fn new(each: Rate, all: Rate, now: u64) -> Rates {
        Rates { each, all: Bucket::full(all, now), all_rate: all, sources: HashMap::new() }
    }

    /// Whether every one of these sources may bring one more fact at this time, in milliseconds. If so it is counted for
    /// each, and for all together.
    fn admit(&mut self, sources: &[&str], now: u64) -> bool {
        self.all.fill(self.all_rate, now);
        if self.sources.len() >= SOURCES_AT_MOST {
            self.forget_full(now);
        }
        if !self.all.has_one() || self.sources.len().saturating_add(sources.len()) > SOURCES_AT_MOST {
            return false;
        }
        let each = self.each;
        let mut filled = |source: &&str| {
            let bucket = self.sources.entry((*source).to_owned()).or_insert_with(|| Bucket::full(each, now));
            bucket.fill(each, now);
            bucket.has_one()
        };
        // Every bucket is filled, also after one that has nothing.
        let empty = sources.iter().map(&mut filled).filter(|has_one| !has_one).count();
        let may = empty == 0;
        if may {
            self.all.take();
            for source in sources {
                self.sources.entry((*source).to_owned()).and_modify(Bucket::take);
            }
        }
        may
    }

    fn forget_full(&mut self, now: u64) {
        let each = self.each;
        self.sources.retain(|_, bucket| {
            bucket.fill(each, now);
            bucket.tokens < u64::from(each.most).saturating_mul(TOKEN)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_230_579_000;

    #[test]
    fn one_source_uses_up_its_own_share_and_no_other() {
        let mut rates = Rates::new(Rate { a_second: 2, most: 3 }, Rate { a_second: 100, most: 100 }, NOW);
        let taken = |rates: &mut Rates, source, at| (0..10).filter(|_| rates.admit(&[source], at)).count();
        assert_eq!(taken(&mut rates, "flood", NOW), 3);
        assert_eq!(taken(&mut rates, "other", NOW), 3);
        assert_eq!(taken(&mut rates, "flood", NOW + 499), 0);
        assert_eq!(taken(&mut rates, "flood", NOW + 1000), 2);
        assert_eq!(taken(&mut rates, "flood", NOW + 1_000_000), 3, "no more than the bucket holds");
    }

    #[test]
    fn a_fact_counts_for_all_its_sources_or_for_none() {
        let mut rates = Rates::new(Rate { a_second: 1, most: 2 }, Rate { a_second: 1, most: 100 }, NOW);
        assert!(rates.admit(&["caller", "attestor"], NOW));
        assert!(rates.admit(&["another", "attestor"], NOW));
        assert!(!rates.admit(&["another", "attestor"], NOW), "the attestor has had its share");
        assert!(rates.admit(&["another"], NOW), "which was not counted for the caller");
    }

    #[test]
    fn all_together_are_bounded_and_so_is_the_memory_of_sources() {
        let mut rates = Rates::new(EACH, Rate { a_second: 1, most: 5 }, NOW);
        assert_eq!((0..10).filter(|n| rates.admit(&[&n.to_string()], NOW)).count(), 5);
        let mut rates = Rates::new(EACH, Rate { a_second: 1, most: 1_000_000 }, NOW);
        let taken = (0..SOURCES_AT_MOST + 10).filter(|n| rates.admit(&[&n.to_string()], NOW)).count();
        assert_eq!(taken, SOURCES_AT_MOST);
        assert!(rates.admit(&["later"], NOW + 60_000), "those whose share is whole again are forgotten");
    }
}
