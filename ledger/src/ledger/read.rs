//! Reading entries back, in order, each checked against the log's own hashes.

use std::path::Path;

use super::open::verifying_key;
use crate::entry::{Entry, Stamps};
use crate::fault::ReadError;
use crate::layout::Layout;
use crate::note::{SignedCheckpoint, VerifyingKey};
use crate::resource::Resource;
use crate::tree::{Bundle, Directory, Source, Tree};

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

/// Entries in order, up to the checkpoint that was the last one when this was made. One bundle is in memory at a time.
#[derive(Debug)]
pub struct Records {
    source: Directory,
    size: u64,
    next: u64,
    bundle: Option<(u64, Vec<Vec<u8>>)>,
}

impl Records {
    /// The published entries of a ledger's directory, from an index on; a server may be writing it meanwhile.
    pub fn open(path: &Path, from: u64) -> Result<Self, ReadError> {
        let layout = Layout::new(path);
        let source = Directory::new(&layout.log());
        let checkpoint = published(&layout, &source, &[])?;
        Ok(Self { source, size: checkpoint.checkpoint().size, next: from, bundle: None })
    }

    /// The size up to which this reads.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next entry's bytes.
    pub fn next_bytes(&mut self) -> Option<Result<(u64, Vec<u8>), ReadError>> {
        let index = self.next;
        if index >= self.size {
            return None;
        }
        let number = index >> 8;
        if self.bundle.as_ref().is_none_or(|(held, _)| *held != number) {
            match Tree::new(&self.source, self.size).bundle(number) {
                Ok(bundle) => {
                    self.bundle = Some((number, Bundle::iter(&bundle).map(<[u8]>::to_vec).collect()))
                }
                Err(error) => {
                    self.next = self.size;
                    return Some(Err(error));
                }
            }
        }
        self.next = index.saturating_add(1);
        let place = usize::try_from(index & 0xff).unwrap_or(usize::MAX);
        let bytes =
            self.bundle.as_ref().and_then(|(_, entries)| entries.get(place)).cloned().unwrap_or_default();
        Some(Ok((index, bytes)))
    }
}

impl Iterator for Records {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (index, bytes) = match self.next_bytes()? {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        let resource = Resource::Entries { index: index >> 8, width: 256 };
        Some(match Entry::read(&bytes) {
            Ok((stamps, entry)) => Ok(Record { index, stamps, entry }),
            Err(why) => Err(ReadError::Corrupt(self.source.name(resource), format!("entry {index}: {why}"))),
        })
    }
}

/// The checkpoint that is published now, signed by the key beside it.
pub(crate) fn published(
    layout: &Layout,
    source: &Directory,
    witnesses: &[VerifyingKey],
) -> Result<SignedCheckpoint, ReadError> {
    let key = verifying_key(layout).map_err(|error| ReadError::Corrupt(layout.vkey(), error.to_string()))?;
    let path = source.name(Resource::Checkpoint);
    let note = source
        .get(Resource::Checkpoint)?
        .ok_or_else(|| ReadError::Corrupt(path.clone(), "missing".to_owned()))?;
    SignedCheckpoint::parse(&note, &key, witnesses)
        .map_err(|fault| ReadError::Corrupt(path, fault.to_string()))
}
