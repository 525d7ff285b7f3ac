//! The places of polls: a bounded number at once, and one proxy cannot take them all. A poll has its place until its answer was
//! read, so the answers that wait to be read are bounded too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::telemetry::Metrics;

/// How many polls may be open.
const ALL: usize = 4096;
/// How many of them one proxy may have.
const EACH: usize = ALL / 4;

/// A proxy without an open poll always has a place for one with an answer of this length at most, whatever others have taken.
/// Only proxies that the bundle names have any.
const SMALL: usize = 64 * 1024;

/// How many bytes of answers may wait to be read.
const BYTES: usize = 64 * 1024 * 1024;
/// How many of them one proxy may leave unread, unless it is one answer.
const BYTES_EACH: usize = BYTES / 4;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct PollPlaces {
    open: Arc<Mutex<OpenPolls>>,
    metrics: Arc<Metrics>,
}

/// The open polls of each proxy.
#[derive(Debug, Default)]
struct OpenPolls(BTreeMap<String, Taken>);

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
        let has_entered = open.enter(proxy);
        self.metrics.set_polls_open(open.polls());
        has_entered.then(|| PollPlace { places: self.clone(), proxy: proxy.to_owned(), bytes: 0 })
    }

    fn open(&self) -> MutexGuard<'_, OpenPolls> {
        // Only complete values are stored under this lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PollPlace {
    /// Whether there is room for an answer of this length.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        let has_room = self.places.open().hold(&self.proxy, bytes);
        if has_room {
            self.bytes = bytes;
        }
        has_room
    }
}

impl Drop for PollPlace {
    fn drop(&mut self) {
        let mut open = self.places.open();
        open.leave(&self.proxy, self.bytes);
        self.places.metrics.set_polls_open(open.polls());
    }
}

impl OpenPolls {
    fn polls(&self) -> usize {
        self.0.values().map(|taken| taken.polls).fold(0, usize::saturating_add)
    }

    fn bytes(&self) -> usize {
        self.0.values().map(|taken| taken.bytes).fold(0, usize::saturating_add)
    }

    fn enter(&mut self, proxy: &str) -> bool {
        let own = self.0.get(proxy).copied().unwrap_or_default();
        let has_room = own.polls == 0 || (self.polls() < ALL && own.polls < EACH);
        if has_room {
            self.0.insert(proxy.to_owned(), Taken { polls: own.polls.saturating_add(1), ..own });
        }
        has_room
    }

    /// Notes an answer of this length. Returns whether there is room for it.
    fn hold(&mut self, proxy: &str, bytes: usize) -> bool {
        let all = self.bytes();
        let Some(own) = self.0.get_mut(proxy) else { return false };
        let fits = |held: usize, most| held == 0 || held.saturating_add(bytes) <= most;
        let is_first = own.bytes == 0 && bytes <= SMALL;
        let has_room = is_first || (fits(own.bytes, BYTES_EACH) && fits(all, BYTES));
        if has_room {
            own.bytes = own.bytes.saturating_add(bytes);
        }
        has_room
    }

    fn leave(&mut self, proxy: &str, bytes: usize) {
        let Some(own) = self.0.get_mut(proxy) else { return };
        own.bytes = own.bytes.saturating_sub(bytes);
        own.polls = own.polls.saturating_sub(1);
        if own.polls == 0 {
            self.0.remove(proxy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn one_proxy_cannot_take_all_places() {
        let mut open = OpenPolls::default();
        assert_eq!((0..ALL).filter(|_| open.enter("a")).count(), EACH);
        assert!(open.enter("b"));
        open.leave("a", 0);
        assert!(open.enter("a") && !open.enter("a"));
        for other in ["b", "c", "d"] {
            assert!((0..EACH).filter(|_| open.enter(other)).count() > 0);
        }
        assert_eq!(open.polls(), ALL);
        assert!(open.enter("late") && !open.enter("late"), "everybody may have one");
    }

    #[test]
    fn answers_that_are_not_read_are_limited_in_all_and_for_each_proxy() {
        let mut open = OpenPolls::default();
        let mut hold = |proxy: &str, bytes| open.enter(proxy) && open.hold(proxy, bytes);
        assert!(hold("a", 20 * MIB), "one answer may be longer than a proxy's share");
        assert!(!hold("a", 1));
        assert!(hold("b", 16 * MIB) && hold("c", 16 * MIB));
        assert!(!hold("d", 13 * MIB), "there is no more room in all");
        assert!(hold("e", 12 * MIB));
        assert!(open.hold("d", SMALL) && !open.hold("d", 1), "but for a small one there always is");
        open.leave("a", 20 * MIB);
        assert!(open.hold("d", 13 * MIB));
    }
}
