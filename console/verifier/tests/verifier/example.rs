//! A small log in memory, its keys, and proofs from it.

#[path = "../../../../ledger/tests/common/decision.rs"]
mod decision;

use std::path::PathBuf;

use ledger::consistency::Consistency;
use ledger::entry::{self, Nonce, Stamps, Stop};
use ledger::merkle::{Edge, Hash, leaf_hash};
use ledger::note::{Checkpoint, SignedCheckpoint, cosign};
use ledger::proof::EntryProof;
use ledger::published_file::PublishedFile;
use ledger::tree::LogSource;
use ledger::{Entry, ReadError, SigningKey, VerifyingKey};

pub(crate) const ORIGIN: &str = "demo/log/0a";

/// A log of less than 256 entries.
pub(crate) struct Log {
    pub(crate) entries: Vec<Vec<u8>>,
}

pub(crate) fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

pub(crate) fn log_key() -> VerifyingKey {
    VerifyingKey::of_log(ORIGIN, signing_key(1).public()).unwrap()
}

/// The witnesses `w1.example`, `w2.example` and so on.
pub(crate) fn witness_key(number: u8) -> VerifyingKey {
    VerifyingKey::of_witness(&format!("w{number}.example"), signing_key(10 + number).public()).unwrap()
}

/// The id of the decision at this index.
pub(crate) fn id(index: usize) -> String {
    format!("decision-{index}")
}

impl Log {
    /// Decisions, and an entry of another kind at the end.
    pub(crate) fn of(decisions: usize) -> Self {
        let mut entries: Vec<_> =
            (0..decisions).map(|index| bytes(index, decision::denied(&id(index)).into())).collect();
        entries.push(bytes(decisions, Stop { refused: 0 }.into()));
        Self { entries }
    }

    /// The same log with another decision at this index.
    pub(crate) fn rewritten_at(&self, index: usize) -> Self {
        let mut entries = self.entries.clone();
        entries[index] = bytes(index, decision::denied("another").into());
        Self { entries }
    }

    /// The checkpoint at this size, signed by the key with this seed in the name of this log.
    pub(crate) fn checkpoint(&self, size: usize) -> SignedCheckpoint {
        self.signed_by(1, ORIGIN, size)
    }

    pub(crate) fn signed_by(&self, seed: u8, origin: &str, size: usize) -> SignedCheckpoint {
        let mut edge = Edge::default();
        self.leaves().into_iter().take(size).for_each(|leaf| edge.append(leaf));
        assert_eq!(edge.size(), size as u64);
        Checkpoint { origin: origin.to_owned(), size: size as u64, root: edge.root() }
            .sign(&signing_key(seed))
    }

    pub(crate) fn whole(&self) -> SignedCheckpoint {
        self.checkpoint(self.entries.len())
    }

    /// The proof of an entry in the whole log.
    pub(crate) fn proof(&self, index: usize) -> String {
        EntryProof::make(self, self.whole(), index as u64).unwrap().to_string()
    }

    /// The proof that the log of this size continues the one of an older size.
    pub(crate) fn consistency(&self, old: usize, new: usize) -> String {
        Consistency::make(self, self.checkpoint(new), old as u64).unwrap().to_string()
    }

    fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }
}

impl LogSource for Log {
    fn get(&self, file: PublishedFile) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(match file {
            PublishedFile::Hashes { level: 0, index: 0, width } => {
                Some(self.leaves().into_iter().take(usize::from(width)).flatten().collect())
            }
            PublishedFile::Entries { index: 0, width } => {
                let with_length = |entry: &Vec<u8>| {
                    [&u16::try_from(entry.len()).unwrap().to_be_bytes(), entry.as_slice()].concat()
                };
                Some(self.entries.iter().take(usize::from(width)).flat_map(with_length).collect())
            }
            PublishedFile::Checkpoint | PublishedFile::Hashes { .. } | PublishedFile::Entries { .. } => None,
        })
    }

    fn name(&self, file: PublishedFile) -> PathBuf {
        file.path().into()
    }
}

/// The line of a witness for a checkpoint.
pub(crate) fn cosignature(number: u8, checkpoint: &SignedCheckpoint) -> String {
    cosign(checkpoint.checkpoint(), 1_700_000_007, &witness_key(number), &signing_key(10 + number))
}

pub(crate) fn bytes(index: usize, entry: Entry) -> Vec<u8> {
    let stamps = Stamps { nonce: Nonce([7; 16]), time: 1_700_000_000_000 + index as u64 };
    entry.to_bytes(stamps).unwrap()
}
