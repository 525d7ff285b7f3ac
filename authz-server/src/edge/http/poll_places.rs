//! The places of polls: a bounded number at once, and one proxy cannot take them all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::telemetry::Metrics;

/// How many polls may be open.
const ALL: usize = 4096;
/// How many of them one proxy may have.
const EACH: usize = ALL / 4;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct PollPlaces {
    open: Arc<Mutex<BTreeMap<String, usize>>>,
    metrics: Arc<Metrics>,
}

/// The place of one poll, until it is dropped.
#[derive(Debug)]
pub(super) struct PollPlace {
    places: PollPlaces,
    proxy: String,
}

impl PollPlaces {
    pub fn new(metrics: Arc<Metrics>) -> PollPlaces {
        PollPlaces { open: Arc::default(), metrics }
    }

    /// `None`: there is no place.
    pub(super) fn enter(&self, proxy: &str) -> Option<PollPlace> {
        let mut open = self.open();
        let own = open.get(proxy).copied().unwrap_or_default();
        let all: usize = open.values().sum();
        if all >= ALL || own >= EACH {
            return None;
        }
        open.insert(proxy.to_owned(), own.saturating_add(1));
        self.metrics.set_polls_open(all.saturating_add(1));
        Some(PollPlace { places: self.clone(), proxy: proxy.to_owned() })
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        // Only complete values are stored under this lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PollPlace {
    fn drop(&mut self) {
        let mut open = self.places.open();
        if let Some(own) = open.get_mut(&self.proxy) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.remove(&self.proxy);
            }
        }
        self.places.metrics.set_polls_open(open.values().sum());
    }
}
