//! The ledger: created once, opened by one process at a time (a torn tail is then noted and cut), written by one thread.

mod archive_places;
mod closed;
mod drafted;
mod first;
mod follow;
mod group_commit;
mod init;
mod maintenance;
mod notifier;
mod open;
mod options;
mod outside_claims;
mod queue;
mod read;
mod read_ahead;
mod recent_facts;
mod room;
mod torn_tail;
mod unanswered_facts;
mod waiting_callers;
mod wake;
mod writer;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

pub(crate) use group_commit::is_too_late;
pub(crate) use recent_facts::{RecentFacts, Unread};
pub(crate) use waiting_callers::WaitingFacts;
pub(crate) use wake::Wake;

pub use closed::ClosedLedger;
pub use drafted::DraftedDecision;
pub use first::{FirstFile, FirstLedger, NotFirst};
pub use follow::{
    Behind, Committed, FactCallback, FactError, FactReceipt, FactRefused, FollowFacts, Forward, Head,
};
pub use group_commit::FORWARD_RECORDED_WITHIN_SECONDS;
pub use init::Origin;
pub use maintenance::{ArchiveError, Usage};
pub use open::Inspection;
pub use options::{ClockFn, Options};
pub use queue::Callback;
pub use read::{RecordedEntries, RecordedEntry};
pub use read_ahead::EntriesAhead;

use crate::canonical::NotCanonical;
use crate::durable::DiskFile;
use crate::entry::encoding::EntryDraft;
use crate::entry::{ENTRY_BYTES_AT_MOST, Entry, Nonce, Predecessor};
use crate::fault::{InitError, OpenError, ReadError, RecordError};
use crate::handed_out::HandedOut;
use crate::layout::Layout;
use crate::merkle::{Hash, TreeHead};
use crate::note::SignedCheckpoint;
use crate::publish::{Backlog, Publisher};
use crate::tree::Directory;
use follow::as_entry_answer;
use queue::{FactJob, Job, JobKind};
use unanswered_facts::UnansweredFacts;
use writer::Writer;

/// Proof that an entry is on disk. Only the writer creates it, after the sync that made the entry durable.
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

    /// The size of the ledger when the entry had become durable.
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

/// A ledger that is open for writing. Cheap to clone; [`Ledger::close`] closes it for all clones.
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
    unanswered: UnansweredFacts,
    publisher: Publisher,
    backlog: Arc<Backlog>,
    handed_out: Arc<HandedOut>,
    /// Locked while the published checkpoint is changed.
    checkpoint: Arc<Mutex<()>>,
}

/// What was found when the ledger was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The number of entries.
    pub size: u64,
    /// Whether the previous server ended without `stop/1`.
    pub cut: bool,
    /// The number of bytes of an unfinished frame that were cut off.
    pub torn: u64,
    /// The index of the entry `start/1` of this start.
    pub start: u64,
}

/// The current state of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The number of durable entries.
    pub size: u64,
    /// The size of the last checkpoint.
    pub published: u64,
    /// Why nothing can be recorded at the moment.
    pub refusing: Option<RecordError>,
    /// Why nothing can be published at the moment. Entries are still recorded, until 8 MiB of them wait to be published.
    pub unpublished: Option<RecordError>,
    /// The number of entries that wait in the queue.
    pub waiting: usize,
    /// For how long the oldest fact without an answer has waited for it.
    pub fact_waits: Option<Duration>,
    /// Whether the last facts were refused for want of room, or because the disk cannot be written.
    pub refuses_facts: bool,
    /// The bytes of the entries that were recorded since the ledger was opened.
    pub written: u64,
}

impl Ledger {
    /// Creates a new log in an empty or missing directory. Its first entry has the log's name.
    pub fn init(path: &Path, name: &str, options: &Options) -> Result<Origin, InitError> {
        init::init(path, name, options, None)
    }

    /// Creates a new log that continues a log restored from a backup. It is not known what the old log acknowledged after
    /// the backup, so it must not continue under its old name.
    pub fn init_restored(
        path: &Path,
        name: &str,
        options: &Options,
        restored: Predecessor,
    ) -> Result<Origin, InitError> {
        init::init(path, name, options, Some(restored))
    }

    /// Removes a new log that nobody has seen, so that another can be created in its place.
    pub fn discard(path: &Path, options: &Options) -> Result<(), InitError> {
        init::discard(path, options)
    }

    /// Recovers a log and opens it for writing.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        open::open(path, &options)
    }

    /// Makes the checks of a start on a copied ledger, or one that another process writes. Changes nothing.
    pub fn inspect(path: &Path) -> Result<Inspection, OpenError> {
        open::inspect(path)
    }

    /// Queues an entry. `done` is called once, when the entry is durable or refused, usually from another thread. It must
    /// not block. A fact takes the way of [`Ledger::submit_fact`].
    pub fn submit(&self, entry: Entry, done: Callback) {
        if entry.is_fact() {
            return self.submit_fact(entry, Box::new(move |answer| done(as_entry_answer(answer))));
        }
        match draft(&entry) {
            Ok(draft) => self.inner.writer.submit(Job { draft, kind: JobKind::of(entry), done }),
            Err(refused) => done(Err(refused)),
        }
    }

    /// Queues a decision whose entry is encoded already.
    pub fn submit_drafted(&self, decision: DraftedDecision, done: Callback) {
        let (draft, kind) = decision.into_parts();
        self.inner.writer.submit(Job { draft, kind, done });
    }

    /// Queues a fact ahead of decisions. The follower is asked about it. `done` is called once: with
    /// the receipt, when the entry is durable and every later start requires it, or when it is refused. It must not block.
    pub fn submit_fact(&self, entry: Entry, done: FactCallback) {
        let done = self.inner.unanswered.until_answered(done);
        match draft(&entry) {
            Ok(draft) => self.inner.writer.submit_fact(FactJob { draft, fact: Arc::new(entry), done }),
            Err(refused) => done(Err(FactError::NotRecorded(refused))),
        }
    }

    /// Attaches what follows the log. It must have read all entries, and is asked and told about every later one. Another
    /// follower takes the place of this one.
    pub fn follow(&self, follower: Box<dyn FollowFacts>, as_of: u64) -> Result<(), Behind> {
        self.inner.writer.follow(follower, as_of)
    }

    /// The same for a report: an entry that may wait, because nothing depends on it. Reports have a queue of their own, and
    /// are written into the space that other entries leave. So they never delay other entries, however many they are.
    pub fn submit_report(&self, entry: Entry, done: Callback) {
        match draft(&entry) {
            Ok(draft) => self.inner.writer.submit_report(Job { draft, kind: JobKind::of(entry), done }),
            Err(refused) => done(Err(refused)),
        }
    }

    /// Queues an entry and waits until it is durable or refused.
    pub fn append(&self, entry: Entry) -> Result<Receipt, RecordError> {
        let (done, answer) = mpsc::sync_channel(1);
        self.submit(entry, Box::new(move |result| drop(done.send(result))));
        answer.recv().unwrap_or(Err(RecordError::Closed))
    }

    /// The paths in the ledger's directory.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    /// The archives to which entries of the ledger in this directory were moved, the oldest first.
    pub fn archives(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
        archive_places::read(&Layout::new(path))
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }

    /// The published log.
    #[must_use]
    pub fn log(&self) -> Directory {
        Directory::new(&self.inner.layout.log())
    }

    /// The checkpoint that is published now.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, ReadError> {
        read::published_checkpoint(&self.inner.layout, &self.log(), &self.inner.options.witnesses)
    }

    /// What was found when the ledger was opened.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.inner.recovery
    }

    /// The number of durable entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.inner.writer.durable().size
    }

    /// The number of durable entries, and the root over them.
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

    /// The current state of the ledger.
    #[must_use]
    pub fn health(&self) -> Health {
        let (published, unpublished) = self.inner.backlog.status();
        let writer = &self.inner.writer;
        Health {
            size: self.size(),
            published,
            refusing: writer.refusing(),
            unpublished,
            waiting: writer.waiting(),
            fact_waits: self.inner.unanswered.oldest(),
            refuses_facts: writer.refuses_facts(),
            written: writer.written(),
        }
    }

    /// Before somebody outside is told of this size: from now on a start requires at least this size, which must be durable. It
    /// may wait for the disk, unless [`Ledger::is_handed_out`].
    pub fn hand_out(&self, size: u64) -> Result<(), RecordError> {
        if self.is_handed_out(size) {
            return Ok(());
        }
        let durable = self.inner.writer.durable();
        self.inner.handed_out.raise_to(TreeHead { size: durable.size, root: durable.root })
    }

    /// Whether a start requires at least this size.
    #[must_use]
    pub fn is_handed_out(&self, size: u64) -> bool {
        self.inner.handed_out.size() >= size
    }

    /// Publishes a checkpoint of at least all entries that are durable now. Returns its size.
    pub fn publish(&self) -> Result<u64, RecordError> {
        self.inner.backlog.publish(self.size())
    }

    /// The entries that are durable now, from an index on.
    pub fn read(&self, from: u64) -> Result<RecordedEntries, ReadError> {
        let path = self.inner.layout.root();
        self.publish().map_err(|refused| ReadError::Io(path.to_owned(), io::Error::other(refused)))?;
        RecordedEntries::open(path, from)
    }

    /// The entries that are published now, from an index on.
    pub fn read_published(&self, from: u64) -> Result<RecordedEntries, ReadError> {
        RecordedEntries::open(self.inner.layout.root(), from)
    }

    /// The published entries of a ledger from an index on. The ledger need not be open.
    pub fn entries(path: &Path, from: u64) -> Result<RecordedEntries, ReadError> {
        RecordedEntries::open(path, from)
    }

    /// The published log of a ledger and its checkpoint. The ledger need not be open.
    pub fn published(path: &Path) -> Result<(Directory, SignedCheckpoint), ReadError> {
        let layout = Layout::new(path);
        let log = Directory::new(&layout.log());
        let checkpoint = read::published_checkpoint(&layout, &log, &[])?;
        Ok((log, checkpoint))
    }

    /// Records the entries that wait, then the entry `stop/1`, and closes the ledger. Later entries are refused.
    pub fn close(&self) {
        self.inner.close();
    }
}

/// The bytes of an entry without its time.
fn draft(entry: &Entry) -> Result<EntryDraft, RecordError> {
    draft_of(|nonce| entry.draft(nonce))
}

fn draft_of(
    encode: impl FnOnce(Nonce) -> Result<EntryDraft, NotCanonical>,
) -> Result<EntryDraft, RecordError> {
    let draft = encode(Nonce::random()?).map_err(RecordError::NotCanonical)?;
    let length = draft.len_at_most();
    if length > ENTRY_BYTES_AT_MOST { Err(RecordError::TooLarge(length)) } else { Ok(draft) }
}

impl Inner {
    fn close(&self) {
        self.writer.close();
        self.publisher.close();
        self.handed_out.close();
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
    fn random() -> Result<Self, RecordError> {
        let mut bytes = [0; 16];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()) {
                Ok(n) => filled = filled.saturating_add(n),
                Err(rustix::io::Errno::INTR) => {}
                // Without random bytes an entry could be guessed from its hash, so it is not recorded.
                Err(_) => return Err(RecordError::Closed),
            }
        }
        Ok(Self(bytes))
    }
}

/// Ends the process: the state of the disk is unknown.
pub(crate) fn abort_process(what: &str, path: &Path, error: &dyn fmt::Display) -> ! {
    tracing::error!(path = %path.display(), %error, "{what}: the process ends, because it is unknown what is durable");
    std::process::abort()
}

/// Ends the process if the name of an open file of the log does not lead to it any more. The file was deleted or replaced,
/// or its directory was moved: what is written to it from now on is in no log that a start finds, and another process may
/// already write to the files that have the names.
pub(crate) fn abort_unless_named(file: &DiskFile) {
    let advice = "put the ledger's directory back as it was before you start the server again";
    match file.has_its_name() {
        Ok(true) => {}
        Ok(false) => {
            abort_process("a file of the open ledger was removed, replaced or moved", file.path(), &advice)
        }
        Err(error) => abort_process("a file of the open ledger cannot be found", file.path(), &error),
    }
}

/// Returns an error that passes by itself. After any other write error the state of the disk is unknown, so the process
/// ends.
pub(crate) fn temporary_or_abort(error: &io::Error, path: &Path) -> RecordError {
    RecordError::from_write_error(error)
        .unwrap_or_else(|| abort_process("the ledger cannot be written", path, error))
}

#[cfg(test)]
mod tests;
