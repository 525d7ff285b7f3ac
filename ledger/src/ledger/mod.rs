//! The ledger itself: made once, opened by one process at a time, written by one thread.

mod init;
mod open;
mod options;
mod queue;
mod read;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

pub use init::Origin;
pub use options::{Clock, Options};
pub use queue::Done;
pub use read::{Record, Records};

use crate::entry::{ENTRY_BYTES_AT_MOST, Entry, Nonce};
use crate::fault::{InitError, OpenError, ReadError, Refused};
use crate::merkle::Hash;
use queue::{Draft, Job};
use writer::Writer;

/// Proof that an entry is on disk. Only the writer makes one, after the sync that made the entry durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    index: u64,
    size: u64,
    time: u64,
}

impl Receipt {
    /// The entry's index.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The ledger's size once the entry was durable.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The time stamped on the entry, in milliseconds.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }
}

/// A ledger open for writing. Cheap to clone; [`Ledger::close`] ends it for all clones.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    origin: String,
    recovery: Recovery,
    writer: Writer,
}

/// What an opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How many entries were there.
    pub size: u64,
    /// Whether the server before did not stop as it should.
    pub cut: bool,
    /// How many bytes of an unfinished frame were cut off.
    pub torn: u64,
    /// The index of this start's own entry.
    pub start: u64,
}

/// How the ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// How many entries are durable.
    pub size: u64,
    /// Why nothing is being recorded just now.
    pub refusing: Option<Refused>,
    /// Entries waiting in the queue.
    pub waiting: usize,
}

impl Ledger {
    /// Makes a new log in an empty or missing directory. Its first entry names it.
    pub fn init(path: &Path, name: &str, options: &Options) -> Result<Origin, InitError> {
        init::init(path, name, options, None)
    }

    /// Recovers a log and goes on writing it.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        open::open(path, options)
    }

    /// Hands an entry over. `done` is called once, from another thread, when the entry is durable or refused; it must
    /// not block.
    pub fn submit(&self, entry: Entry, done: Done) {
        let drafted = Nonce::random().and_then(|nonce| entry.draft(nonce).map_err(Refused::NotCanonical));
        match drafted {
            Err(refused) => done(Err(refused)),
            Ok(draft) if draft.len_at_most() > ENTRY_BYTES_AT_MOST => {
                done(Err(Refused::TooLarge(draft.len_at_most())));
            }
            Ok(draft) => self.inner.writer.hand_over(Job { draft: Draft { bytes: draft, entry }, done }),
        }
    }

    /// Hands an entry over and waits.
    pub fn append(&self, entry: Entry) -> Result<Receipt, Refused> {
        let (done, answer) = mpsc::sync_channel(1);
        self.submit(entry, Box::new(move |result| drop(done.send(result))));
        answer.recv().unwrap_or(Err(Refused::Closed))
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }

    /// What the opening found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.inner.recovery
    }

    /// How many entries are durable.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.inner.writer.durable().size
    }

    /// The root over the durable entries, and how many they are.
    #[must_use]
    pub fn root(&self) -> (u64, Hash) {
        let durable = self.inner.writer.durable();
        (durable.size, durable.root)
    }

    /// The time of the last durable entry, in milliseconds.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.inner.writer.durable().time
    }

    /// How the ledger is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.writer.health()
    }

    /// The entries that are durable now, from an index on.
    pub fn read(&self, from: u64) -> Result<Records, ReadError> {
        Records::open(&self.inner.path, from, self.size())
    }

    /// The entries of a ledger that nobody need have open, from an index on.
    pub fn entries(path: &Path, from: u64) -> Result<Records, ReadError> {
        Records::open(path, from, u64::MAX)
    }

    /// Records what is waiting, then the stop, and ends. Later entries are refused.
    pub fn close(&self) {
        self.inner.writer.close();
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("origin", &self.inner.origin)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl Nonce {
    fn random() -> Result<Self, Refused> {
        let mut bytes = [0; 16];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()) {
                Ok(n) => filled = filled.saturating_add(n),
                Err(rustix::io::Errno::INTR) => {}
                // Without randomness an entry's hash could be guessed: it is not recorded.
                Err(_) => return Err(Refused::Closed),
            }
        }
        Ok(Self(bytes))
    }
}

/// For what cannot be survived: the disk's state is unknown, or a thread that others wait for is gone.
pub(crate) fn end_the_process(what: &str, path: &Path, error: &dyn fmt::Display) -> ! {
    tracing::error!(path = %path.display(), %error, "{what}: the process ends, since what is durable is unknown");
    std::process::abort()
}

#[cfg(test)]
mod tests;
