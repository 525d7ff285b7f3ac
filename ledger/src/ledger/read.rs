//! Reads the published entries in order, each checked against its leaf hash.

use std::ops::Range;
use std::path::Path;

use super::open::verifying_key;
use super::read_ahead::EntriesAhead;
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
#[derive(Clone, Debug)]
pub struct RecordedEntries {
    source: Directory,
    size: u64,
    next: u64,
    bytes: u64,
    bundle: Option<HeldBundle>,
}

/// A bundle that was read.
#[derive(Clone, Debug)]
struct HeldBundle {
    number: u64,
    bundle: EntryBundle,
    /// Where its entries are.
    places: Vec<Range<usize>>,
}

impl HeldBundle {
    fn entry(&self, index: u64) -> &[u8] {
        let place = usize::try_from(index & 0xff).unwrap_or(usize::MAX);
        let range = self.places.get(place).cloned();
        range.and_then(|range| self.bundle.bytes().get(range)).unwrap_or_default()
    }
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

    /// The index of the first entry that is here: older ones were moved to an archive.
    pub fn first(&self) -> Result<u64, ReadError> {
        let is_here = |index: u64| {
            let Some(file) = PublishedFile::entries(index, self.size) else { return Ok(true) };
            Ok(self.source.get(file)?.is_some() || self.source.get(file.full())?.is_some())
        };
        let (mut low, mut high) = (0, self.size.div_ceil(256));
        if is_here(low)? {
            return Ok(low);
        }
        while low < high {
            let middle = low.midpoint(high);
            if is_here(middle)? { high = middle } else { low = middle.saturating_add(1) }
        }
        Ok(low.saturating_mul(256).min(self.size))
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

    /// The same entries, read by several threads if there are many.
    #[must_use]
    pub fn ahead(self) -> EntriesAhead {
        EntriesAhead::of(self)
    }

    /// The index and bytes of the next entry.
    pub fn next_bytes(&mut self) -> Option<Result<(u64, &[u8]), ReadError>> {
        let index = self.next;
        if index >= self.size {
            return None;
        }
        let number = index >> 8;
        let held = match self.bundle.take().filter(|held| held.number == number) {
            Some(held) => held,
            None => match self.read_bundle(number) {
                Ok(read) => read,
                Err(error) => {
                    self.next = self.size;
                    return Some(Err(error));
                }
            },
        };
        self.next = index.saturating_add(1);
        let bytes = self.bundle.insert(held).entry(index);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Some(Ok((index, bytes)))
    }

    /// The numbers of the bundles that are still to be read.
    pub(super) fn bundles(&self) -> Range<u64> {
        let end = self.size.saturating_add(0xff) >> 8;
        (self.next >> 8).min(end)..end
    }

    /// The entries of a bundle that are still to be read, and how many bytes they have.
    pub(super) fn parsed_bundle(&self, number: u64) -> Result<(Vec<RecordedEntry>, u64), ReadError> {
        let bundle = self.checked_bundle(number)?;
        let (mut entries, mut total) = (Vec::with_capacity(256), 0_u64);
        for (index, bytes) in (number << 8..self.size).zip(bundle.iter()) {
            if index >= self.next {
                entries.push(self.parse(index, bytes)?);
                total = total.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            }
        }
        Ok((entries, total))
    }

    fn read_bundle(&self, number: u64) -> Result<HeldBundle, ReadError> {
        let bundle = self.checked_bundle(number)?;
        Ok(HeldBundle { number, places: bundle.places(), bundle })
    }

    fn checked_bundle(&self, number: u64) -> Result<EntryBundle, ReadError> {
        MerkleTree::new(&self.source, self.size).bundle(number)
    }

    fn parse(&self, index: u64, bytes: &[u8]) -> Result<RecordedEntry, ReadError> {
        let read = Entry::read(bytes).map(|(stamps, entry)| RecordedEntry { index, stamps, entry });
        read.map_err(|why| {
            let file = PublishedFile::Entries { index: index >> 8, width: 256 };
            ReadError::Corrupt(self.source.name(file), format!("entry {index}: {why}"))
        })
    }
}

impl Iterator for RecordedEntries {
    type Item = Result<RecordedEntry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = match self.next_bytes()? {
            Ok((index, _)) => index,
            Err(error) => return Some(Err(error)),
        };
        let held = self.bundle.as_ref()?;
        Some(self.parse(index, held.entry(index)))
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
