//! Admission: a bounded number of decisions at once, shared between the proxies, and no new one while the server stops.
//!
//! A check gets its place when it arrives, before anything of it is read: what waits for the processor has a place too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use warrant::Denial;

/// A proxy may hold at most so many times as many places as are free. A proxy that asks alone gets four fifths of all. When
/// several ask for too much, each gets the same share as soon as older decisions have ended.
const TIMES_FREE: usize = 4;

/// A proxy always gets so many, also while others hold all places. So no proxy can keep another one out.
const OWN: usize = 4;

/// Admits decisions. When a proxy has no place left its checks are denied at once: a longer queue would only turn overload
/// into missed deadlines.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    taken: Mutex<Taken>,
    /// Notified when no place is taken any more.
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    /// No place is given any more.
    is_closed: bool,
    all: usize,
    by_proxy: HashMap<Arc<str>, usize>,
}

/// A check that has arrived, with its place.
#[derive(Debug)]
pub struct Arrival {
    at: Instant,
    _place: Place,
}

/// A place for one decision, free again when dropped.
#[derive(Debug)]
struct Place {
    of: Admission,
    proxy: Arc<str>,
}

impl Admission {
    pub fn of(most: u32) -> Admission {
        Admission(Arc::new(Shared {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            taken: Mutex::default(),
            emptied: Notify::default(),
        }))
    }

    /// Gives a check of this proxy a place.
    pub fn enter(&self, proxy: &str) -> Result<Arrival, Denial> {
        let mut taken = self.taken();
        let free = self.0.most.saturating_sub(taken.all);
        let (proxy, held) = match taken.by_proxy.get_key_value(proxy) {
            Some((proxy, held)) => (Arc::clone(proxy), *held),
            None => (proxy.into(), 0),
        };
        let may_hold = free.saturating_mul(TIMES_FREE).max(OWN.min(self.0.most));
        if taken.is_closed || held >= may_hold {
            return Err(Denial::Overloaded);
        }
        taken.all = taken.all.saturating_add(1);
        taken.by_proxy.insert(Arc::clone(&proxy), held.saturating_add(1));
        drop(taken);
        Ok(Arrival { at: Instant::now(), _place: Place { of: self.clone(), proxy } })
    }

    /// Admits no new decision from now on. Decisions that have begun may finish.
    pub fn close(&self) {
        self.taken().is_closed = true;
    }

    pub fn is_closed(&self) -> bool {
        self.taken().is_closed
    }

    /// Returns once every admitted decision has finished.
    pub async fn drained(&self) {
        loop {
            let emptied = self.0.emptied.notified();
            if self.taken().all == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Only complete values are stored under this lock.
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrival {
    pub(super) fn waited(&self) -> Duration {
        self.at.elapsed()
    }

    /// The moment this long after the arrival.
    pub fn after(&self, time: Duration) -> Instant {
        self.at.checked_add(time).unwrap_or(self.at)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        taken.all = taken.all.saturating_sub(1);
        let held = taken.by_proxy.get(&self.proxy).copied().unwrap_or_default();
        if held > 1 {
            taken.by_proxy.insert(Arc::clone(&self.proxy), held.saturating_sub(1));
        } else {
            taken.by_proxy.remove(&self.proxy);
        }
        if taken.all == 0 {
            self.of.0.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes places until there is none left.
    fn take(admission: &Admission, proxy: &str, most: usize) -> Vec<Arrival> {
        (0..most).map_while(|_| admission.enter(proxy).ok()).collect()
    }

    #[test]
    fn without_a_free_place_it_denies_and_a_freed_place_admits() {
        let admission = Admission::of(1);
        let arrival = admission.enter("local").unwrap();
        assert_eq!(admission.enter("local").unwrap_err(), Denial::Overloaded);
        assert!(admission.enter("other").is_ok(), "every proxy always has a place");
        drop(arrival);
        assert!(admission.enter("local").is_ok());
    }

    #[test]
    fn a_proxy_always_gets_a_few_places_however_much_others_ask_for() {
        let admission = Admission::of(1000);
        let mut held: Vec<_> = (0..20).map(|n: usize| take(&admission, &n.to_string(), 1000)).collect();
        assert_eq!(held[0].len(), 800, "alone, a proxy has four fifths");
        assert_eq!(held[19].len(), OWN, "and when nothing is left, everybody still has a few");
        assert_eq!(take(&admission, "quiet", 1000).len(), OWN);
        held.clear();
        assert_eq!(take(&admission, "quiet", 1000).len(), 800);
    }

    #[test]
    fn proxies_that_ask_for_too_much_get_the_same_as_soon_as_older_decisions_have_ended() {
        let admission = Admission::of(1000);
        let proxies: Vec<String> = (0..5).map(|n: usize| n.to_string()).collect();
        // The oldest decision ends, and everybody asks again, the first proxy first.
        let mut held: std::collections::VecDeque<Arrival> = take(&admission, &proxies[0], 1000).into();
        for _ in 0..3000 {
            held.pop_front();
            held.extend(proxies.iter().filter_map(|proxy| admission.enter(proxy).ok()));
        }
        let shares: Vec<usize> = proxies.iter().map(|proxy| admission.taken().by_proxy[&**proxy]).collect();
        assert!(shares.iter().all(|share| (180..=200).contains(share)), "{shares:?}");
    }

    #[test]
    fn a_proxy_without_a_decision_takes_no_memory() {
        let admission = Admission::of(10);
        for n in 0..100 {
            drop(take(&admission, &n.to_string(), 3));
        }
        let taken = admission.taken();
        assert_eq!((taken.all, taken.by_proxy.len()), (0, 0));
    }

    #[tokio::test]
    async fn closing_lets_begun_decisions_finish_and_denies_new_ones() {
        let admission = Admission::of(2);
        let arrival = admission.enter("local").unwrap();
        admission.close();
        assert_eq!(admission.enter("local").unwrap_err(), Denial::Overloaded);
        let waiting = tokio::spawn({
            let admission = admission.clone();
            async move { admission.drained().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(arrival);
        waiting.await.unwrap();
    }
}
