//! Entry kinds about the log itself: its beginning, a restore, starts and stops of servers, gaps, and the archive.

use super::define::{kind, object};
use content_digest::Digest;

kind! { "init/1"
    /// Entry 0: the name and the key of this log.
    pub struct Init {
        /// The verification key of its checkpoints, as one line.
        key: String,
        /// The log's name: `<name>/log/<32 hex>`.
        origin: String,
        /// The log that this one continues after a restore from a backup.
        restored: Option<Predecessor>,
        /// The version of the software that created it.
        version: String,
    }
}

object! { "Predecessor"
    /// A log that was replaced after a restore from a backup.
    pub struct Predecessor {
        /// The names of the logs that it continued itself, the oldest first.
        continued: Vec<String>,
        /// Its name.
        origin: String,
        /// Its root at that size, in base64.
        root: String,
        /// How many entries were restored.
        size: u64,
    }
}

kind! { "restored/1"
    /// Every fact that was in force in the log before a restore from a backup is recorded again in this one.
    pub struct Restored {
        /// How many facts were recorded again: those before this entry whose `was` is not `null`.
        facts: u64,
    }
}

kind! { "start/1"
    /// A server began to write.
    pub struct Start {
        /// True if the previous server ended without `stop/1`. Entries that it refused or had not written are missing.
        cut: bool,
        /// How many bytes of an unfinished frame were cut off; `null` if none. No fact in it was acknowledged.
        torn: Option<u64>,
        /// The version of the software that started.
        version: String,
    }
}

kind! { "stop/1"
    /// A server stopped normally: everything that it acknowledged is before this entry.
    pub struct Stop {
        /// How many entries were refused since its start because the queue was full.
        refused: u64,
    }
}

kind! { "gap/1"
    /// Entries were refused while nothing could be recorded, or outcomes while too many others were waiting.
    pub struct Gap {
        /// How many entries were refused.
        count: u64,
        /// The time of the first one, in milliseconds.
        first: u64,
        /// The time of the last one, in milliseconds.
        last: u64,
        /// The cause: `disk-full`, `read-only` or `over-quota`; `queue-full` for outcomes that had to be dropped.
        reason: String,
    }
}

kind! { "archived/1"
    /// Entry bundles below an index were copied to an archive and are about to be removed here.
    pub struct Archived {
        /// The first index that is not archived; a multiple of 256.
        below: u64,
        /// The digest of the snapshot of all facts in force at that index, from which a start continues.
        snapshot: Digest,
    }
}
