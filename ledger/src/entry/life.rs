//! Entries about the log itself: its beginning, its servers, what it had to leave out, what went to the archive.

use super::shape::{kind, object};
use content_digest::Digest;

kind! { "init/1"
    /// Entry 0: which log this is.
    pub struct Init {
        /// The line by which its checkpoints are verified.
        key: String,
        /// The log's name: `<name>/log/<32 hex>`.
        origin: String,
        /// The log that this one continues after its disk was brought back from a backup.
        restored: Option<Predecessor>,
        /// The software that made it.
        version: String,
    }
}

object! {
    /// A log that was given up, as far as it was known.
    pub struct Predecessor {
        /// Its name.
        origin: String,
        /// Its root at that size, base64.
        root: String,
        /// How many entries were brought back.
        size: u64,
    }
}

kind! { "start/1"
    /// A server begins to write.
    pub struct Start {
        /// Whether the one before it did not end with a `stop/1`: what it was refusing or about to record left no trace.
        cut: bool,
        /// How many bytes of a frame that was never acknowledged as a fact were cut off; `null` where none were.
        torn: Option<u64>,
        /// The software that starts.
        version: String,
    }
}

kind! { "stop/1"
    /// A server ended as it should: everything it acknowledged is before this.
    pub struct Stop {
        /// Entries that were refused by a full queue since its start.
        refused: u64,
    }
}

kind! { "gap/1"
    /// What was refused while nothing could be recorded.
    pub struct Gap {
        /// How many entries were refused.
        count: u64,
        /// When the first was, in milliseconds.
        first: u64,
        /// When the last was, in milliseconds.
        last: u64,
        /// What stood in the way: `disk-full`, `read-only`, `over-quota`.
        reason: String,
    }
}

kind! { "archived/1"
    /// Entry bundles below an index were copied to an archive and are about to be removed here.
    pub struct Archived {
        /// The first index that is still here; a multiple of 256.
        below: u64,
        /// The snapshot of all facts alive at that index, from which a start folds on.
        snapshot: Digest,
    }
}
