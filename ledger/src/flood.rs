//! Floods of denials: within a budget of entries and bytes each denial is an entry of its own. Denials above the
//! budget are only counted, in summaries.
//!
//! Anybody can cause denials. Each source has its own share of the rate, so a source that floods does not push the others
//! out of the log. Every denial is either recorded or counted. This module has no clock: the caller passes the time in.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::entry::{Denials, Digest};

/// How fast denials are recorded one by one.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// What all sources together may use in a second.
    pub all: Budget,
    /// What each source may use in a second, even when the other sources have used up `all`.
    pub share: Budget,
    /// How many sources have their own share within a second. All further sources have one share together.
    pub sources: usize,
    /// How many summaries may be open at a time. Further sources have one summary for each reason together; if there are
    /// too many reasons as well, these have one summary together. A flood from many sources must not become a flood of
    /// summaries.
    pub summaries: usize,
    /// How often summaries are recorded, in milliseconds.
    pub every: u64,
}

/// A number of entries and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    entries: u32,
    bytes: u64,
}

/// An ordinary denial takes less than this. Larger denials use up a budget sooner.
const BYTES_AN_ENTRY: u64 = 2048;

impl Budget {
    /// A budget for this many denials of ordinary size.
    #[must_use]
    pub fn of_entries(entries: u32) -> Self {
        Self { entries, bytes: u64::from(entries).saturating_mul(BYTES_AN_ENTRY) }
    }

    /// Takes one entry of this length. `false`, and nothing is taken, if it does not fit.
    fn take(&mut self, length: u64) -> bool {
        let (Some(entries), Some(bytes)) = (self.entries.checked_sub(1), self.bytes.checked_sub(length))
        else {
            return false;
        };
        *self = Self { entries, bytes };
        true
    }
}

impl Default for Rate {
    fn default() -> Self {
        let (all, share) = (Budget::of_entries(500), Budget::of_entries(5));
        Self { all, share, sources: 1024, summaries: 128, every: 1000 }
    }
}

/// How one denial gets into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordAs {
    /// The caller records it as an entry of its own.
    OwnEntry,
    /// It is counted in the next summary. The answer to the client says `recorded: "summary"`.
    Summary,
}

/// The denials of the current second, and the open summaries.
#[derive(Debug)]
pub struct Flood {
    rate: Rate,
    second: u64,
    /// What is left of this second's budgets.
    all: Budget,
    shares: HashMap<String, Budget>,
    open: HashMap<(String, String), Summary>,
    since: Option<u64>,
}

#[derive(Debug)]
struct Summary {
    count: u64,
    first: u64,
    last: u64,
    entries: Sha256,
}

/// The name that stands for all sources, or all reasons, beyond the limits.
const OTHERS: &str = "others";

impl Flood {
    /// With no denials yet.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, second: 0, all: rate.all, shares: HashMap::new(), open: HashMap::new(), since: None }
    }

    /// Decides how one denial is recorded. `length` is that of its entry. If it is only counted, `entry` makes the
    /// canonical bytes for the digest.
    pub fn admit(
        &mut self,
        now: u64,
        source: &str,
        reason: &str,
        length: usize,
        entry: impl FnOnce() -> Vec<u8>,
    ) -> RecordAs {
        if now / 1000 != self.second {
            self.second = now / 1000;
            self.all = self.rate.all;
            self.shares.clear();
        }
        let known = self.shares.len() < self.rate.sources || self.shares.contains_key(source);
        let source = if known { source } else { OTHERS };
        let share = self.shares.entry(source.to_owned()).or_insert(self.rate.share);
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        // A source uses its own share first, and then the common budget. So a flood cannot use up the share of
        // another.
        if share.take(length) || self.all.take(length) {
            return RecordAs::OwnEntry;
        }
        self.count(now, source, reason, &entry());
        RecordAs::Summary
    }

    /// Counts one denial that is not recorded in any other way.
    pub fn count(&mut self, now: u64, source: &str, reason: &str, what: &[u8]) {
        let key = self.summary_key(source, reason);
        let summary = self.open.entry(key).or_insert(Summary {
            count: 0,
            first: now,
            last: now,
            entries: Sha256::new(),
        });
        summary.count = summary.count.saturating_add(1);
        summary.last = summary.last.max(now);
        summary.entries.update(what);
        summary.entries.update(b"\n");
        self.since.get_or_insert(now);
    }

    fn summary_key(&self, source: &str, reason: &str) -> (String, String) {
        let (others, most) = (OTHERS.to_owned(), self.rate.summaries);
        let own = (source.to_owned(), reason.to_owned());
        if self.open.len() < most || self.open.contains_key(&own) {
            return own;
        }
        let shared = (others.clone(), own.1);
        if self.open.len() < most.saturating_mul(2) || self.open.contains_key(&shared) {
            return shared;
        }
        (others.clone(), others)
    }

    /// The summaries that are due, sorted. With `all`, also those that are not due yet.
    pub fn due(&mut self, now: u64, all: bool) -> Vec<Denials> {
        if !all && self.since.is_none_or(|since| now.saturating_sub(since) < self.rate.every) {
            return Vec::new();
        }
        self.since = None;
        let mut due: Vec<Denials> = self
            .open
            .drain()
            .map(|((source, reason), summary)| Denials {
                count: summary.count,
                digest: Digest::from_bytes(summary.entries.finalize().into()),
                first: summary.first,
                last: summary.last,
                reason,
                source,
            })
            .collect();
        due.sort_by(|a, b| (&a.source, &a.reason).cmp(&(&b.source, &b.reason)));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_floods_leaves_the_others_their_share_and_every_denial_is_counted() {
        let (all, share) = (Budget::of_entries(10), Budget::of_entries(2));
        let rate = Rate { all, share, sources: 3, summaries: 100, every: 1000 };
        let mut flood = Flood::new(rate);
        let mut recorded = 0_u64;
        for n in 0..1000_u32 {
            recorded += u64::from(
                flood.admit(5_000, "loud", "expired", 100, || n.to_be_bytes().to_vec()) == RecordAs::OwnEntry,
            );
        }
        assert_eq!(recorded, 12, "its share and the whole rate");
        for source in ["a", "b"] {
            assert_eq!(flood.admit(5_100, source, "revoked", 100, || b"x".to_vec()), RecordAs::OwnEntry);
            assert_eq!(flood.admit(5_100, source, "revoked", 100, || b"x".to_vec()), RecordAs::OwnEntry);
            assert_eq!(flood.admit(5_100, source, "revoked", 100, || b"x".to_vec()), RecordAs::Summary);
        }
        assert_eq!(
            flood.admit(5_200, "fourth", "revoked", 100, || b"x".to_vec()),
            RecordAs::OwnEntry,
            "it has one share together with all further sources"
        );
        assert_eq!(flood.admit(5_200, "fifth", "revoked", 100, || b"x".to_vec()), RecordAs::OwnEntry);
        assert_eq!(flood.admit(5_200, "sixth", "revoked", 100, || b"x".to_vec()), RecordAs::Summary);
        assert_eq!(flood.due(5_900, false), vec![]);
        let due = flood.due(6_000, false);
        let counts: Vec<_> = due.iter().map(|d| (d.source.as_str(), d.reason.as_str(), d.count)).collect();
        assert_eq!(
            counts,
            [("a", "revoked", 1), ("b", "revoked", 1), ("loud", "expired", 988), ("others", "revoked", 1)]
        );
        assert_eq!((due[2].first, due[2].last), (5_000, 5_000));
        let mut sha = Sha256::new();
        for n in 12..1000_u32 {
            sha.update(n.to_be_bytes());
            sha.update(b"\n");
        }
        assert_eq!(due[2].digest, Digest::from_bytes(sha.finalize().into()));
        assert_eq!(flood.due(9_000, true), vec![]);
        assert_eq!(flood.admit(6_000, "loud", "expired", 100, Vec::new), RecordAs::OwnEntry, "a new second");
    }

    #[test]
    fn large_denials_use_up_the_budgets_sooner_and_a_small_one_still_has_its_share() {
        let mut flood = Flood::new(Rate::default());
        let mut admit = |source: &str, length: usize| {
            flood.admit(5_000, source, "expired", length, Vec::new) == RecordAs::OwnEntry
        };
        let large = 51_200;
        let recorded = (0..1000).filter(|_| admit("loud", large)).count();
        assert_eq!(recorded, 1_024_000 / large, "the common budget in bytes: a large entry fits no share");
        assert!(!admit("loud", 11_000) && admit("loud", 1_400), "its own share is still there");
        assert!(admit("quiet", 10_000) && !admit("quiet", 10_000), "a share is in bytes too");
    }

    #[test]
    fn a_flood_from_many_sources_makes_few_summaries_and_every_denial_is_counted() {
        let mut flood = Flood::new(Rate { summaries: 10, ..Rate::default() });
        for n in 0..1000 {
            flood.count(5_000, &format!("source-{n}"), "expired", b"x");
            flood.count(5_000, &format!("source-{n}"), &format!("reason-{n}"), b"x");
        }
        let due = flood.due(9_000, true);
        assert!(due.len() <= 21, "{}", due.len());
        assert_eq!(due.iter().map(|one| one.count).sum::<u64>(), 2000);
        assert!(due.iter().any(|one| (one.source.as_str(), one.reason.as_str()) == ("others", "others")));
        assert!(due.iter().any(|one| (one.source.as_str(), one.reason.as_str()) == ("others", "expired")));
    }
}
