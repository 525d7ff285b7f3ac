//! A ledger that nobody writes, for example one that was restored from a backup: everything that a start would recover is
//! read, and nothing is changed.

use std::path::Path;

use super::open::{recovered, verifying_key};
use super::options::Options;
use super::read::{RecordedEntries, RecordedEntry};
use crate::entry::Entry;
use crate::fault::{OpenError, ReadError};
use crate::handed_out::HandedOut;
use crate::layout::Layout;
use crate::mark::Mark;
use crate::merkle::TreeHead;
use crate::snapshot::{self, Snapshot};
use crate::wal::frame::Entries;

/// The durable entries of a ledger: those that are published, and those that are only in the write-ahead log.
#[derive(Debug)]
pub struct ClosedLedger {
    layout: Layout,
    origin: String,
    durable: TreeHead,
    published: u64,
    /// Those that are not published.
    rest: Vec<RecordedEntry>,
    /// The lock of the only writer, if it was taken.
    _lock: Option<HandedOut>,
}

impl ClosedLedger {
    /// The same as [`ClosedLedger::read`], with the lock of the only writer: nobody writes to it, or gives it to a cluster, until this is
    /// dropped. It may be a backup.
    pub fn hold(path: &Path, options: &Options) -> Result<Self, OpenError> {
        let layout = Layout::new(path);
        let lock = HandedOut::open(&options.disk, &layout, verifying_key(&layout)?.name())?;
        Mark::InCluster.check(path)?;
        Ok(Self { _lock: Some(lock), ..Self::read(path)? })
    }

    /// Makes the checks of a start, and reads what is not published.
    pub fn read(path: &Path) -> Result<Self, OpenError> {
        let layout = Layout::new(path);
        let (mut rest, mut unreadable) = (Vec::new(), None);
        let found = recovered(path, |published, batch| {
            for (index, bytes) in (batch.first..).zip(Entries(&batch.entries)) {
                match bytes.map(Entry::read) {
                    _ if index < published => {}
                    Some(Ok((stamps, entry))) => rest.push(RecordedEntry { index, stamps, entry }),
                    Some(Err(why)) => {
                        unreadable = unreadable.take().or(Some(format!("entry {index}: {why}")))
                    }
                    None => unreadable = unreadable.take().or(Some(format!("entry {index} is cut off"))),
                }
            }
        })?;
        match unreadable {
            Some(what) => Err(OpenError::corrupt(&layout.wal(), what)),
            None => Ok(Self {
                layout,
                origin: found.origin,
                durable: found.durable,
                published: found.published.size,
                rest,
                _lock: None,
            }),
        }
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The number of its entries, and the root over them.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        self.durable
    }

    /// The entries from an index on.
    pub fn entries(
        &self,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<RecordedEntry, ReadError>> + '_, ReadError> {
        let published = RecordedEntries::open(self.layout.root(), from)?;
        let rest = self.rest.iter().filter(move |entry| entry.index >= from);
        Ok(published.ahead().chain(rest.map(|entry| Ok(entry.clone()))))
    }

    /// The snapshots that match this log, the newest first.
    pub fn snapshots(&self) -> Result<impl Iterator<Item = Snapshot>, ReadError> {
        let found = snapshot::usable(&self.layout, &self.origin, self.published);
        found.map_err(|error| ReadError::Io(self.layout.snapshots(), error))
    }
}
