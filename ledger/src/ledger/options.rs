//! The options with which a ledger is created and opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::outside_claims::OutsideClaim;
use crate::durable::Disk;
use crate::merkle::TreeHead;
use crate::note::{SigningKey, VerifyingKey};

/// Returns milliseconds since 1970. The ledger has no clock of its own.
pub type ClockFn = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The options with which a ledger is created and opened.
#[derive(Clone)]
pub struct Options {
    pub(crate) key: Arc<SigningKey>,
    pub(crate) clock: ClockFn,
    pub(crate) version: String,
    pub(crate) segment_bytes: u64,
    pub(crate) queue: usize,
    pub(crate) reports: usize,
    pub(crate) disk: Disk,
    pub(crate) interval: Duration,
    pub(crate) witnesses: Vec<VerifyingKey>,
    pub(crate) claims: Vec<OutsideClaim>,
}

impl Options {
    /// With the log's private key, the clock that stamps entries, and the version of the software to record.
    #[must_use]
    pub fn new(key: SigningKey, clock: ClockFn, version: &str) -> Self {
        Self {
            key: Arc::new(key),
            clock,
            version: version.to_owned(),
            segment_bytes: 64 * 1024 * 1024,
            queue: 4096,
            reports: 32_768,
            disk: Disk::real(),
            interval: Duration::from_secs(1),
            witnesses: Vec::new(),
            claims: Vec::new(),
        }
    }

    /// The size of a segment of the write-ahead log. At least 2 MiB: the largest frame must fit.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.max(2 * 1024 * 1024);
        self
    }

    /// How many entries may wait in the queue. Further entries are refused at once.
    #[must_use]
    pub fn queue(mut self, entries: usize) -> Self {
        self.queue = entries.max(1);
        self
    }

    /// The same for reports, which have a queue of their own.
    #[must_use]
    pub fn reports(mut self, entries: usize) -> Self {
        self.reports = entries.max(1);
        self
    }

    /// The shortest time between two checkpoints while the log grows. One second; only tests use less.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The witnesses whose cosignatures are added to checkpoints.
    #[must_use]
    pub fn witnesses(mut self, keys: Vec<VerifyingKey>) -> Self {
        self.witnesses = keys;
        self
    }

    /// What somebody outside, such as a witness, knows of this log. Opening fails if the log is shorter, or has another
    /// root at this size.
    #[must_use]
    pub fn must_contain(mut self, by: &str, head: TreeHead) -> Self {
        self.claims.push(OutsideClaim { by: by.to_owned(), size: head.size, root: Some(head.root) });
        self
    }

    /// A size that somebody outside knows without its root. Opening fails if the log is shorter.
    #[must_use]
    pub fn must_reach(mut self, by: &str, size: u64) -> Self {
        self.claims.push(OutsideClaim { by: by.to_owned(), size, root: None });
        self
    }

    /// Another file system, for tests.
    #[must_use]
    pub fn disk(mut self, disk: Disk) -> Self {
        self.disk = disk;
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("segment_bytes", &self.segment_bytes).finish_non_exhaustive()
    }
}
