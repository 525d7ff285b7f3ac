//! Floods of denials: up to a rate each denial is an entry of its own, beyond it denials are counted in summaries.
//!
//! Anybody can cause denials. Each source has its own share of the rate, so a source that floods does not push the others
//! out of the log. Every denial is either recorded or counted. This module has no clock: the caller passes the time in.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::entry::{Denials, Digest};

/// How fast denials are recorded one by one.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Entries a second, all sources together.
    pub all: u32,
    /// Entries a second for each source, even when the other sources have used up `all`.
    pub share: u32,
    /// How many sources have their own share within a second. All further sources have one share together.
    pub sources: usize,
    /// How many summaries may be open at a time. Further sources have one summary for each reason together; if there are
    /// too many reasons as well, these have one summary together. A flood from many sources must not become a flood of
    /// summaries.
    pub summaries: usize,
    /// How often summaries are recorded, in milliseconds.
    pub every: u64,
}

impl Default for Rate {
    fn default() -> Self {
        Self { all: 500, share: 5, sources: 1024, summaries: 128, every: 1000 }
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
    recorded: u32,
    shares: HashMap<String, u32>,
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
        Self { rate, second: 0, recorded: 0, shares: HashMap::new(), open: HashMap::new(), since: None }
    }

    /// Decides how one denial is recorded. If it is only counted, `entry` makes the canonical bytes for the digest.
    pub fn admit(
        &mut self,
        now: u64,
        source: &str,
        reason: &str,
        entry: impl FnOnce() -> Vec<u8>,
    ) -> RecordAs {
        if now / 1000 != self.second {
            self.second = now / 1000;
            self.recorded = 0;
            self.shares.clear();
        }
        let known = self.shares.len() < self.rate.sources || self.shares.contains_key(source);
        let source = if known { source } else { OTHERS };
        let used = self.shares.entry(source.to_owned()).or_default();
        // A source uses its share first and the common rate only beyond it, so a flood cannot use up another's share.
        if *used < self.rate.share || self.recorded < self.rate.all {
            if *used >= self.rate.share {
                self.recorded = self.recorded.saturating_add(1);
            }
            *used = used.saturating_add(1);
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
        let rate = Rate { all: 10, share: 2, sources: 3, summaries: 100, every: 1000 };
        let mut flood = Flood::new(rate);
        let mut recorded = 0_u64;
        for n in 0..1000_u32 {
            recorded += u64::from(
                flood.admit(5_000, "loud", "expired", || n.to_be_bytes().to_vec()) == RecordAs::OwnEntry,
            );
        }
        assert_eq!(recorded, 12, "its share and the whole rate");
        for source in ["a", "b"] {
            assert_eq!(flood.admit(5_100, source, "revoked", || b"x".to_vec()), RecordAs::OwnEntry);
            assert_eq!(flood.admit(5_100, source, "revoked", || b"x".to_vec()), RecordAs::OwnEntry);
            assert_eq!(flood.admit(5_100, source, "revoked", || b"x".to_vec()), RecordAs::Summary);
        }
        assert_eq!(
            flood.admit(5_200, "fourth", "revoked", || b"x".to_vec()),
            RecordAs::OwnEntry,
            "it has one share together with all further sources"
        );
        assert_eq!(flood.admit(5_200, "fifth", "revoked", || b"x".to_vec()), RecordAs::OwnEntry);
        assert_eq!(flood.admit(5_200, "sixth", "revoked", || b"x".to_vec()), RecordAs::Summary);
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
        assert_eq!(flood.admit(6_000, "loud", "expired", Vec::new), RecordAs::OwnEntry, "a new second");
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
