//! What a ledger is opened with.

use std::fmt;
use std::sync::Arc;

use crate::durable::Disk;
use crate::note::SigningKey;

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
