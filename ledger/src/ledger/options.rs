//! What a ledger is opened with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::claims::Claim;
use crate::durable::Disk;
use crate::note::{SigningKey, VerifyingKey};
use crate::promise::Head;

/// Milliseconds since 1970. The ledger asks no clock of its own.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What a ledger is made and opened with.
#[derive(Clone)]
pub struct Options {
    pub(crate) key: Arc<SigningKey>,
    pub(crate) clock: Clock,
    pub(crate) version: String,
    pub(crate) segment_bytes: u64,
    pub(crate) queue: usize,
    pub(crate) disk: Disk,
    pub(crate) interval: Duration,
    pub(crate) witnesses: Vec<VerifyingKey>,
    pub(crate) held: Vec<Claim>,
}

impl Options {
    /// The log's private key, the clock that stamps entries, and the software's version for the record.
    #[must_use]
    pub fn new(key: SigningKey, clock: Clock, version: &str) -> Self {
        Self {
            key: Arc::new(key),
            clock,
            version: version.to_owned(),
            segment_bytes: 64 * 1024 * 1024,
            queue: 4096,
            disk: Disk::real(),
            interval: Duration::from_secs(1),
            witnesses: Vec::new(),
            held: Vec::new(),
        }
    }

    /// How large segments of the write-ahead log are. At least 2 MiB: the largest frame must fit.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.max(2 * 1024 * 1024);
        self
    }

    /// How many entries may wait. One more is refused at once.
    #[must_use]
    pub fn queue(mut self, entries: usize) -> Self {
        self.queue = entries.max(1);
        self
    }

    /// The least time between two checkpoints while the log grows. A second, and no less but in tests.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The witnesses whose cosignatures are kept beside checkpoints.
    #[must_use]
    pub fn witnesses(mut self, keys: Vec<VerifyingKey>) -> Self {
        self.witnesses = keys;
        self
    }

    /// What somebody outside, such as a witness, holds of this log: opening refuses to be behind it, or to differ.
    #[must_use]
    pub fn held_by(mut self, whom: &str, head: Head) -> Self {
        self.held.push(Claim { whom: whom.to_owned(), size: head.size, root: Some(head.root) });
        self
    }

    /// What somebody outside knows the size of, and no more: opening refuses to be behind it.
    #[must_use]
    pub fn counted_by(mut self, whom: &str, size: u64) -> Self {
        self.held.push(Claim { whom: whom.to_owned(), size, root: None });
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
