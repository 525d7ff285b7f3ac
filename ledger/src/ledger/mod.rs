//! The ledger itself: made once, opened by one process at a time, written by one thread.

mod answers;
mod claims;
mod init;
mod keep;
mod open;
mod options;
mod page;
mod queue;
mod read;
mod teller;
mod torn;
mod writer;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

pub(crate) use answers::Answers;

pub use init::Origin;
pub use keep::{ArchiveError, Usage};
pub use open::Inspection;
pub use options::{Clock, Options};
pub use queue::Done;
pub use read::{Record, Records};

use crate::entry::{ENTRY_BYTES_AT_MOST, Entry, Nonce, Predecessor};
use crate::fault::{InitError, OpenError, ReadError, Refused};
use crate::layout::Layout;
use crate::merkle::Hash;
use crate::note::SignedCheckpoint;
use crate::promise::{Head, Promise};
use crate::publish::{Backlog, Publisher};
use crate::tree::Directory;
use queue::{Concern, Job};
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
    layout: Layout,
    origin: String,
    options: Options,
    recovery: Recovery,
    writer: Writer,
    publisher: Publisher,
    backlog: Arc<Backlog>,
    promise: Arc<Promise>,
    /// Held by whoever changes the published checkpoint.
    checkpoint: Arc<Mutex<()>>,
    /// Held as long as this writes.
    lock: Mutex<Option<File>>,
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
    /// How many of them the last checkpoint covers.
    pub published: u64,
    /// Why nothing is being recorded, or nothing published, just now.
    pub refusing: Option<Refused>,
    /// Entries waiting in the queue.
    pub waiting: usize,
    /// Bytes of the entries that this opening has recorded.
    pub written: u64,
}

impl Ledger {
    /// Makes a new log in an empty or missing directory. Its first entry names it.
    pub fn init(path: &Path, name: &str, options: &Options) -> Result<Origin, InitError> {
        init::init(path, name, options, None)
    }

    /// Makes a new log that continues one which was brought back from a backup: what the old one acknowledged after the
    /// backup is not known, so the old name must not go on.
    pub fn init_restored(
        path: &Path,
        name: &str,
        options: &Options,
        restored: Predecessor,
    ) -> Result<Origin, InitError> {
        init::init(path, name, options, Some(restored))
    }

    /// Recovers a log and goes on writing it.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        open::open(path, &options)
    }

    /// Makes the checks of a start on a ledger that is copied, or that another process writes; changes nothing.
    pub fn inspect(path: &Path) -> Result<Inspection, OpenError> {
        open::inspect(path)
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
            Ok(draft) => self.inner.writer.hand_over(Job { draft, concern: Concern::of(entry), done }),
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

    /// What is published, as readers see it.
    #[must_use]
    pub fn log(&self) -> Directory {
        Directory::new(&self.inner.layout.log())
    }

    /// The checkpoint that is published now.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, ReadError> {
        read::published(&self.inner.layout, &self.log(), &self.inner.options.witnesses)
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
        let (published, stuck) = self.inner.backlog.status();
        let writer = &self.inner.writer;
        Health {
            size: self.size(),
            published,
            refusing: writer.refusing().or(stuck),
            waiting: writer.waiting(),
            written: writer.written(),
        }
    }

    /// A size and root that may be told to somebody outside: from now on no start accepts less.
    pub fn promise(&self) -> Result<Head, Refused> {
        let durable = self.inner.writer.durable();
        let head = Head { size: durable.size, root: durable.root };
        self.inner.promise.cover(head)?;
        Ok(head)
    }

    /// Publishes a checkpoint of at least what is durable now, and says of which size.
    pub fn publish(&self) -> Result<u64, Refused> {
        self.inner.backlog.publish(self.size())
    }

    /// The entries that are durable now, from an index on.
    pub fn read(&self, from: u64) -> Result<Records, ReadError> {
        let path = self.inner.layout.root();
        self.publish().map_err(|refused| ReadError::Io(path.to_owned(), io::Error::other(refused)))?;
        Records::open(path, from)
    }

    /// The published entries of a ledger that nobody need have open, from an index on.
    pub fn entries(path: &Path, from: u64) -> Result<Records, ReadError> {
        Records::open(path, from)
    }

    /// Records what is waiting, then the stop, and ends. Later entries are refused.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        self.writer.close();
        self.publisher.close();
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
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

/// Refusals that pass by themselves are answers; after any other error nobody knows what the disk holds.
pub(crate) fn understood(error: &io::Error, path: &Path) -> Refused {
    Refused::of_write(error).unwrap_or_else(|| end_the_process("the ledger cannot be written", path, error))
}

#[cfg(test)]
mod tests;
