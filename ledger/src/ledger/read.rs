//! Reads the published entries in order, each checked against its leaf hash.

use std::path::Path;

use super::open::verifying_key;
use crate::entry::{Entry, Stamps};
use crate::fault::ReadError;
use crate::layout::Layout;
use crate::note::{SignedCheckpoint, VerifyingKey};
use crate::published_file::PublishedFile;
use crate::tree::{Directory, EntryBundle, LogSource, MerkleTree};

/// One recorded entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEntry {
    /// The index of the entry.
    pub index: u64,
    /// The nonce and the time that the ledger added.
    pub stamps: Stamps,
    /// The entry.
    pub entry: Entry,
}

/// The entries in order, up to the last checkpoint at the time of opening. One bundle is in memory at a time.
#[derive(Debug)]
pub struct RecordedEntries {
    source: Directory,
    size: u64,
    next: u64,
    bytes: u64,
    bundle: Option<(u64, Vec<Vec<u8>>)>,
}

impl RecordedEntries {
    /// The published entries of a ledger's directory, from an index on. A server may write to it meanwhile.
    pub fn open(path: &Path, from: u64) -> Result<Self, ReadError> {
        let layout = Layout::new(path);
        let source = Directory::new(&layout.log());
        let checkpoint = published_checkpoint(&layout, &source, &[])?;
        Ok(Self { source, size: checkpoint.checkpoint().size, next: from, bytes: 0, bundle: None })
    }

    /// The size of the log up to which this reads.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Continues with the entry at this index. It costs nothing if the entry is near the last one.
    pub fn go_to(&mut self, index: u64) {
        self.next = index;
    }

    /// How many bytes of entries were read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The index and bytes of the next entry.
    pub fn next_bytes(&mut self) -> Option<Result<(u64, Vec<u8>), ReadError>> {
        let index = self.next;
        if index >= self.size {
            return None;
        }
        let number = index >> 8;
        if self.bundle.as_ref().is_none_or(|(held, _)| *held != number) {
            match MerkleTree::new(&self.source, self.size).bundle(number) {
                Ok(bundle) => {
                    self.bundle = Some((number, EntryBundle::iter(&bundle).map(<[u8]>::to_vec).collect()))
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
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Some(Ok((index, bytes)))
    }
}

impl Iterator for RecordedEntries {
    type Item = Result<RecordedEntry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (index, bytes) = match self.next_bytes()? {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        let file = PublishedFile::Entries { index: index >> 8, width: 256 };
        Some(match Entry::read(&bytes) {
            Ok((stamps, entry)) => Ok(RecordedEntry { index, stamps, entry }),
            Err(why) => Err(ReadError::Corrupt(self.source.name(file), format!("entry {index}: {why}"))),
        })
    }
}

/// The checkpoint that is published now, verified with the key in the ledger's directory.
pub(crate) fn published_checkpoint(
    layout: &Layout,
    source: &Directory,
    witnesses: &[VerifyingKey],
) -> Result<SignedCheckpoint, ReadError> {
    let key = verifying_key(layout).map_err(|error| ReadError::Corrupt(layout.vkey(), error.to_string()))?;
    let path = source.name(PublishedFile::Checkpoint);
    let note = source
        .get(PublishedFile::Checkpoint)?
        .ok_or_else(|| ReadError::Corrupt(path.clone(), "the checkpoint is missing".to_owned()))?;
    SignedCheckpoint::parse(&note, &key, witnesses)
        .map_err(|fault| ReadError::Corrupt(path, fault.to_string()))
}
