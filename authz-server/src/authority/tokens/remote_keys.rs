//! The keys of an issuer that publishes them at a URL, and when they are fetched.
//!
//! They are fetched again five minutes after the last good fetch, and for an unknown `kid`, but at most once a minute:
//! what callers send cannot make this server ask more often. One fetch runs at a time. A key that the newest good set
//! does not have is gone at once. An hour after the last good fetch all keys are gone.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::key_set::{KeySet, VerifyingKey};
use crate::complaint::Complaint;
use crate::fetch::{Fetcher, Limits};

const REFETCHED_AFTER: Duration = Duration::from_mins(5);
const FETCHED_AT_MOST_EVERY: Duration = Duration::from_mins(1);
const LAPSE_AFTER: Duration = Duration::from_hours(1);
const LIMITS: Limits = Limits { bytes: 256 * 1024, time: Duration::from_secs(2) };

/// No keys could be fetched for an hour, or ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysUnavailable;

/// The keys at one URL.
#[derive(Debug)]
pub struct RemoteKeys {
    url: String,
    schedule: Mutex<Schedule>,
    /// Held during a fetch, so that only one runs.
    fetching: tokio::sync::Mutex<()>,
    complaint: Complaint,
}

impl RemoteKeys {
    pub(super) fn at(url: String) -> RemoteKeys {
        RemoteKeys {
            url,
            schedule: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            complaint: Complaint::default(),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The key of this name, after a fetch if one is due. Nobody waits for a fetch who needs none.
    pub(super) async fn find(
        self: &Arc<Self>,
        kid: &str,
        fetcher: &Fetcher,
    ) -> Result<Option<VerifyingKey>, KeysUnavailable> {
        if self.schedule().is_due(kid, Instant::now()) {
            // A task of its own: a caller who goes away must not end a fetch that counts as this minute's.
            let (keys, kid, fetcher) = (self.clone(), kid.to_owned(), fetcher.clone());
            let _ = tokio::spawn(async move { keys.fetch_if_due(&kid, &fetcher).await }).await;
        }
        self.schedule().find(kid, Instant::now())
    }

    async fn fetch_if_due(&self, kid: &str, fetcher: &Fetcher) {
        let _one = self.fetching.lock().await;
        let started = Instant::now();
        // Another caller may have fetched while this one waited.
        if !self.schedule().is_due(kid, started) {
            return;
        }
        self.schedule().started(started);
        match self.fetch(fetcher).await {
            Ok(keys) => {
                self.schedule().replace(keys, Instant::now());
                if self.complaint.clear() {
                    info!(url = self.url, "the keys of callers can be fetched again");
                }
            }
            Err(why) if self.complaint.raise(&why) => {
                warn!(url = self.url, why, "cannot fetch the keys of callers");
            }
            Err(_) => {}
        }
    }

    async fn fetch(&self, fetcher: &Fetcher) -> Result<KeySet, String> {
        let fetched = fetcher.get(&self.url, &[], LIMITS).await.map_err(|error| error.to_string())?;
        if fetched.status != 200 {
            return Err(format!("{}: the status of the answer is {}", self.url, fetched.status));
        }
        KeySet::read(&fetched.body).map_err(|fault| format!("{}: {fault}", self.url))
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest good set, and when it was fetched and last asked for.
#[derive(Debug, Default)]
struct Schedule {
    newest: Option<(KeySet, Instant)>,
    started: Option<Instant>,
}

impl Schedule {
    /// Whether keys must be fetched before this key can be found.
    fn is_due(&self, kid: &str, now: Instant) -> bool {
        let may_fetch = self
            .started
            .is_none_or(|started| now.saturating_duration_since(started) >= FETCHED_AT_MOST_EVERY);
        let wants_fetch = self.newest.as_ref().is_none_or(|(keys, fetched)| {
            now.saturating_duration_since(*fetched) >= REFETCHED_AFTER || keys.find(kid).is_none()
        });
        may_fetch && wants_fetch
    }

    fn started(&mut self, now: Instant) {
        self.started = Some(now);
    }

    fn replace(&mut self, keys: KeySet, now: Instant) {
        self.newest = Some((keys, now));
    }

    fn find(&self, kid: &str, now: Instant) -> Result<Option<VerifyingKey>, KeysUnavailable> {
        let current =
            self.newest.as_ref().filter(|(_, fetched)| now.saturating_duration_since(*fetched) < LAPSE_AFTER);
        current.map(|(keys, _)| keys.find(kid).cloned()).ok_or(KeysUnavailable)
    }
}

impl fmt::Display for KeysUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the keys of the token's issuer cannot be fetched")
    }
}

impl std::error::Error for KeysUnavailable {}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(kid: &str) -> KeySet {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        KeySet::read(
            format!(r#"{{"keys":[{{"kid":"{kid}","kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#).as_bytes(),
        )
        .unwrap()
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start.checked_add(Duration::from_secs(seconds)).unwrap()
    }

    fn fetched(kid: &str, start: Instant) -> Schedule {
        Schedule { newest: Some((keys(kid), start)), started: Some(start) }
    }

    #[test]
    fn the_first_caller_makes_the_first_fetch_and_a_failed_one_is_repeated_after_a_minute() {
        let start = Instant::now();
        let mut schedule = Schedule::default();
        assert!(schedule.is_due("a", start));
        schedule.started(start);
        assert!(!schedule.is_due("a", after(start, 59)) && schedule.is_due("a", after(start, 60)));
        assert_eq!(schedule.find("a", start).err(), Some(KeysUnavailable));
    }

    #[test]
    fn keys_are_fetched_again_after_five_minutes_and_for_an_unknown_kid_once_a_minute() {
        let start = Instant::now();
        let schedule = fetched("a", start);
        assert!(!schedule.is_due("a", after(start, 299)) && schedule.is_due("a", after(start, 300)));
        assert!(!schedule.is_due("b", after(start, 59)) && schedule.is_due("b", after(start, 60)));
        assert!(schedule.find("b", start).unwrap().is_none());
    }

    #[test]
    fn a_key_that_the_newest_set_does_not_have_is_gone_at_once() {
        let start = Instant::now();
        let mut schedule = fetched("a", start);
        schedule.replace(keys("b"), after(start, 300));
        assert!(schedule.find("a", after(start, 300)).unwrap().is_none());
        assert!(schedule.find("b", after(start, 300)).unwrap().is_some());
    }

    #[test]
    fn all_keys_lapse_an_hour_after_the_last_good_fetch() {
        let start = Instant::now();
        let mut schedule = fetched("a", start);
        schedule.started(after(start, 3000)); // it failed
        assert!(schedule.find("a", after(start, 3599)).unwrap().is_some());
        assert_eq!(schedule.find("a", after(start, 3600)).err(), Some(KeysUnavailable));
    }
}
