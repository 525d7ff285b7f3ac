//! Self-contained proofs that an entry is in the log, in the format C2SP `tlog-proof@v1` with the entry as `extra`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::entry::{Entry, Stamps};
#[cfg(feature = "log")]
use crate::fault::ReadError;
use crate::merkle::{Hash, PathStep, inclusion_path, leaf_hash};
use crate::note::{NoteFault, SignedCheckpoint, VerifyingKey};
#[cfg(feature = "log")]
use crate::tree::{LogSource, MerkleTree};

const TITLE: &str = "c2sp.org/tlog-proof@v1";

/// A tree has at most 2^64 leaves, and a proof has one hash for each level.
const HASHES_AT_MOST: usize = 64;

/// An entry with its inclusion proof and the checkpoint. A value from [`EntryProof::verify`] is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryProof {
    index: u64,
    entry: Vec<u8>,
    hashes: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

/// How an entry is in the tree: its leaf, and the steps from there to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionPath {
    /// The hash of the entry.
    pub leaf: Hash,
    /// The last one has the root; without any, the leaf is the root.
    pub steps: Vec<PathStep>,
}

/// Why a proof file is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofFault {
    /// The file does not have the format of the specification.
    Form(&'static str),
    /// Its checkpoint is not valid.
    Checkpoint(NoteFault),
    /// The `extra` line is not a valid entry.
    Entry(String),
    /// The number of hashes does not fit the index and the checkpoint's size.
    Length,
    /// The hashes lead to a root that is not the checkpoint's root.
    Root,
}

impl fmt::Display for ProofFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => write!(f, "not a {TITLE}: {what}"),
            Self::Checkpoint(fault) => write!(f, "its checkpoint is not valid: {fault}"),
            Self::Entry(why) => write!(f, "its entry is not valid: {why}"),
            Self::Length => f.write_str("its index and its hashes do not fit the size of the checkpoint"),
            Self::Root => f.write_str("the entry is not in the log that the checkpoint names"),
        }
    }
}

impl std::error::Error for ProofFault {}

impl EntryProof {
    /// Makes the proof of one entry against a published checkpoint.
    #[cfg(feature = "log")]
    pub fn make(source: &dyn LogSource, checkpoint: SignedCheckpoint, index: u64) -> Result<Self, ReadError> {
        let tree = MerkleTree::new(source, checkpoint.checkpoint().size);
        let hashes = tree.inclusion(index)?;
        let place = usize::try_from(index & 0xff).unwrap_or(usize::MAX);
        let entry = tree.bundle(index >> 8)?.iter().nth(place).unwrap_or_default().to_vec();
        Ok(Self { index, entry, hashes, checkpoint })
    }

    /// Reads a proof file. It is an error if anything in it is not valid under these keys.
    pub fn verify(file: &[u8], log: &VerifyingKey, witnesses: &[VerifyingKey]) -> Result<Self, ProofFault> {
        let text = std::str::from_utf8(file).map_err(|_| ProofFault::Form("it is not UTF-8"))?;
        let (head, note) = text.split_once("\n\n").ok_or(ProofFault::Form("it has no checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(TITLE) {
            return Err(ProofFault::Form("its first line is not this title"));
        }
        let entry = lines.next().and_then(|line| line.strip_prefix("extra ")).and_then(decode);
        let entry =
            entry.ok_or(ProofFault::Form("it has no `extra` line with the entry in canonical base64"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(ProofFault::Form("it has no `index` line with a decimal number"))?;
        let hashes: Option<Vec<Hash>> = lines.map(|line| decode(line)?.try_into().ok()).collect();
        let hashes = hashes.filter(|hashes| hashes.len() <= HASHES_AT_MOST);
        let hashes =
            hashes.ok_or(ProofFault::Form("a line of the proof is not a hash in canonical base64"))?;
        let checkpoint =
            SignedCheckpoint::parse(note.as_bytes(), log, witnesses).map_err(ProofFault::Checkpoint)?;
        Entry::read(&entry).map_err(|why| ProofFault::Entry(why.to_string()))?;
        let proof = Self { index, entry, hashes, checkpoint };
        let path = proof.path().ok_or(ProofFault::Length)?;
        if path.root() == proof.checkpoint.checkpoint().root { Ok(proof) } else { Err(ProofFault::Root) }
    }

    /// The entry's index.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The entry's canonical bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.entry
    }

    /// The entry and its stamps.
    pub fn entry(&self) -> Result<(Stamps, Entry), ProofFault> {
        Entry::read(&self.entry).map_err(|why| ProofFault::Entry(why.to_string()))
    }

    /// The steps from the entry to the root of the checkpoint; `None` if their number is wrong.
    #[must_use]
    pub fn path(&self) -> Option<InclusionPath> {
        let (leaf, size) = (leaf_hash(&self.entry), self.checkpoint.checkpoint().size);
        Some(InclusionPath { leaf, steps: inclusion_path(leaf, self.index, size, &self.hashes)? })
    }

    /// The checkpoint of the tree that holds the entry.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

impl InclusionPath {
    /// The root that the path leads to.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.steps.last().map_or(self.leaf, |step| step.node)
    }
}

/// The text of the proof file.
impl fmt::Display for EntryProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TITLE}\nextra {}\nindex {}\n", STANDARD.encode(&self.entry), self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint.note())
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}
