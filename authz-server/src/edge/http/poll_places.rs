//! The places of polls: a bounded number at once, and one proxy cannot take them all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::telemetry::Metrics;

/// How many polls may be open.
const ALL: usize = 4096;
/// How many of them one proxy may have.
const EACH: usize = ALL / 4;

/// How many bytes of answers may wait to be read.
const BYTES: usize = 64 * 1024 * 1024;
/// How many of them one proxy may leave unread, unless it is one answer.
const BYTES_EACH: usize = BYTES / 4;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct PollPlaces {
    open: Arc<Mutex<BTreeMap<String, Taken>>>,
    metrics: Arc<Metrics>,
}

/// What one proxy has taken.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    polls: usize,
    bytes: usize,
}

/// The place of one poll, until it is dropped.
#[derive(Debug)]
pub(super) struct PollPlace {
    places: PollPlaces,
    proxy: String,
    bytes: usize,
}

impl PollPlaces {
    pub fn new(metrics: Arc<Metrics>) -> PollPlaces {
        PollPlaces { open: Arc::default(), metrics }
    }

    /// `None`: there is no place.
    pub(super) fn enter(&self, proxy: &str) -> Option<PollPlace> {
        let mut open = self.open();
        let own = open.get(proxy).copied().unwrap_or_default();
        let all: usize = open.values().map(|taken| taken.polls).sum();
        if all >= ALL || own.polls >= EACH {
            return None;
        }
        open.insert(proxy.to_owned(), Taken { polls: own.polls.saturating_add(1), ..own });
        self.metrics.set_polls_open(all.saturating_add(1));
        Some(PollPlace { places: self.clone(), proxy: proxy.to_owned(), bytes: 0 })
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Taken>> {
        // Only complete values are stored under this lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PollPlace {
    /// Whether there is room for an answer of this length.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        let mut open = self.places.open();
        let all: usize = open.values().map(|taken| taken.bytes).fold(0, usize::saturating_add);
        let Some(own) = open.get_mut(&self.proxy) else { return false };
        let fits = |held: usize, most| held == 0 || held.saturating_add(bytes) <= most;
        if !fits(own.bytes, BYTES_EACH) || !fits(all, BYTES) {
            return false;
        }
        own.bytes = own.bytes.saturating_add(bytes);
        self.bytes = bytes;
        true
    }
}

impl Drop for PollPlace {
    fn drop(&mut self) {
        let mut open = self.places.open();
        if let Some(own) = open.get_mut(&self.proxy) {
            own.bytes = own.bytes.saturating_sub(self.bytes);
            own.polls = own.polls.saturating_sub(1);
            if own.polls == 0 {
                open.remove(&self.proxy);
            }
        }
        self.places.metrics.set_polls_open(open.values().map(|taken| taken.polls).sum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_not_read_are_limited_in_all_and_for_each_proxy() {
        const MIB: usize = 1024 * 1024;
        let places = PollPlaces::new(Arc::default());
        let mut enter = |proxy: &str, bytes| {
            let mut place = places.enter(proxy).unwrap();
            place.hold(bytes).then_some(place)
        };
        let one = enter("a", 20 * MIB);
        assert!(one.is_some(), "one answer may be longer than a proxy's share");
        assert!(enter("a", 1).is_none());
        let others: Vec<_> = ["b", "c"].map(|proxy| enter(proxy, 16 * MIB)).into_iter().collect();
        assert!(others.iter().all(Option::is_some));
        assert!(enter("d", 13 * MIB).is_none(), "there is no more room in all");
        drop(one);
        assert!(enter("d", 13 * MIB).is_some());
        drop(others);
        assert!(places.open().is_empty());
    }
}
