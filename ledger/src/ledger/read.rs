//! Reading entries back, in order, each checked against the log's own hashes.

use std::path::Path;

use super::open::{log_id, verifying_key};
use crate::entry::{Entry, Stamps};
use crate::fault::{OpenError, ReadError};
use crate::layout::Layout;
use crate::merkle::Edge;
use crate::wal::frame::Entries;
use crate::wal::recover;

/// One recorded entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its index.
    pub index: u64,
    /// What the ledger stamped on it.
    pub stamps: Stamps,
    /// The entry.
    pub entry: Entry,
}

/// Entries in order.
#[derive(Debug)]
pub struct Records {
    records: std::vec::IntoIter<Record>,
}

impl Records {
    pub(crate) fn open(path: &Path, from: u64, to: u64) -> Result<Self, ReadError> {
        let layout = Layout::new(path);
        let wrap = |error: OpenError| ReadError::Corrupt(path.to_owned(), error.to_string());
        let key = verifying_key(&layout).map_err(wrap)?;
        let log = log_id(&layout, &key).map_err(wrap)?;
        let mut records = Vec::new();
        let each = |batch: recover::Batch, _: &Edge| {
            for (index, bytes) in (batch.first..to).zip(Entries(&batch.entries).flatten()) {
                if index >= from {
                    let (stamps, entry) = Entry::read(bytes)
                        .map_err(|why| OpenError::corrupt(path, format!("entry {index}: {why}")))?;
                    records.push(Record { index, stamps, entry });
                }
            }
            Ok(())
        };
        recover::replay(&layout, &log, |_| Ok(Edge::default()), each).map_err(wrap)?;
        Ok(Self { records: records.into_iter() })
    }
}

impl Iterator for Records {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.records.next().map(Ok)
    }
}
