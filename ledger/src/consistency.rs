//! Self-contained proofs that a log only grew, in the format of the `add-checkpoint` body of C2SP tlog-witness.
//!
//! A proof holds the old size, the hashes and the newer checkpoint. To check it, you need the older checkpoint.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

#[cfg(feature = "log")]
use crate::fault::ReadError;
use crate::merkle::{Continuation, Hash, continuation};
use crate::note::{Checkpoint, NoteFault, SignedCheckpoint, VerifyingKey};
#[cfg(feature = "log")]
use crate::tree::{LogSource, MerkleTree};

/// The most hashes that the specification allows.
const HASHES_AT_MOST: usize = 63;

/// A proof that the tree of a checkpoint continues the tree of an older size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    old: u64,
    hashes: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

/// Why a file does not prove that a log only grew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsistencyFault {
    /// The file does not have the format of the specification.
    Form(&'static str),
    /// Its checkpoint is not valid.
    Checkpoint(NoteFault),
    /// It does not begin at the size of the older checkpoint.
    Size,
    /// The log was rewritten: the newer one has other entries below the older size.
    Forked,
    /// Its hashes do not lead to the newer checkpoint: the log was rewritten, or the proof is damaged or belongs to others.
    Unproved,
}

impl fmt::Display for ConsistencyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => write!(f, "not a consistency proof: {what}"),
            Self::Checkpoint(fault) => write!(f, "its checkpoint is not valid: {fault}"),
            Self::Size => f.write_str("it does not begin at the size of the older checkpoint"),
            Self::Forked => f.write_str(
                "the log of the newer checkpoint has other entries than the log of the older checkpoint: it was rewritten",
            ),
            Self::Unproved => f.write_str(
                "it does not show that the log of the newer checkpoint continues the log of the older checkpoint",
            ),
        }
    }
}

impl std::error::Error for ConsistencyFault {}

impl Consistency {
    /// Makes the proof from an older size to a published checkpoint.
    #[cfg(feature = "log")]
    pub fn make(source: &dyn LogSource, checkpoint: SignedCheckpoint, old: u64) -> Result<Self, ReadError> {
        let hashes = MerkleTree::new(source, checkpoint.checkpoint().size).consistency(old)?;
        Ok(Self { old, hashes, checkpoint })
    }

    /// Reads a proof. It is an error if the log of its checkpoint does not continue the older checkpoint.
    pub fn verify(file: &[u8], log: &VerifyingKey, older: &Checkpoint) -> Result<Self, ConsistencyFault> {
        let proof = Self::read(file, log)?;
        proof.check_continues(older)?;
        Ok(proof)
    }

    /// Reads a proof whose checkpoint the log signed. What it shows is known only after [`Self::check_continues`].
    pub fn read(file: &[u8], log: &VerifyingKey) -> Result<Self, ConsistencyFault> {
        let text = std::str::from_utf8(file).map_err(|_| ConsistencyFault::Form("it is not UTF-8"))?;
        let (head, note) = text.split_once("\n\n").ok_or(ConsistencyFault::Form("it has no checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old: Option<u64> = old.and_then(|size| size.parse().ok().filter(|n: &u64| n.to_string() == size));
        let old = old.ok_or(ConsistencyFault::Form("its first line is not `old` and a size"))?;
        let hash = |line: &str| STANDARD.decode(line).ok()?.try_into().ok();
        let hashes: Option<Vec<Hash>> = lines.map(hash).collect();
        let hashes = hashes.filter(|hashes| hashes.len() <= HASHES_AT_MOST);
        let hashes = hashes.ok_or(ConsistencyFault::Form("a line is not a hash in canonical base64"))?;
        let checkpoint =
            SignedCheckpoint::parse(note.as_bytes(), log, &[]).map_err(ConsistencyFault::Checkpoint)?;
        Ok(Self { old, hashes, checkpoint })
    }

    /// Checks that the log of the newer checkpoint continues the log of this older one.
    pub fn check_continues(&self, older: &Checkpoint) -> Result<(), ConsistencyFault> {
        let newer = self.checkpoint.checkpoint();
        if self.old != older.size || newer.origin != older.origin {
            return Err(ConsistencyFault::Size);
        }
        match continuation(self.old, &older.root, newer.size, &newer.root, &self.hashes) {
            Continuation::Continues => Ok(()),
            Continuation::Forked => Err(ConsistencyFault::Forked),
            Continuation::Unproved => Err(ConsistencyFault::Unproved),
        }
    }

    /// The size at which the proof begins.
    #[must_use]
    pub fn old(&self) -> u64 {
        self.old
    }

    /// The newer checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

/// The text of the proof file.
impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.hashes {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint.note())
    }
}
