//! What follows the log inside the server: it decides whether a fact is recorded, and learns what became durable.
//!
//! The writer is the only one who orders entries, so only it can say whether a fact still fits what is in force. It asks its
//! follower about each fact in the order of the log, writes and syncs, and tells the follower before anybody else:
//!
//! 1. [`FollowFacts::admit`] for each fact of the group commit. A crash from here on: nothing was recorded.
//! 2. The frame is written and synced. A crash after it: the facts are recorded, and nobody has an answer.
//! 3. [`FollowFacts::commit`], or [`FollowFacts::discard`] if the frame was not written.
//! 4. Only then the new size can be read, and only after it the callers have their answers. So nobody can claim to have read
//!    the facts below a size that the follower does not know yet.

use std::fmt;
use std::sync::Arc;

use super::Receipt;
use crate::entry::{Decision, Entry};
use crate::fault::RecordError;
use crate::merkle::Hash;

/// The durable part of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The time of the last one, in milliseconds.
    pub time: u64,
}

/// Follows the log. The writer calls it from its own thread, and waits for it: it must be quick and must not block.
pub trait FollowFacts: Send {
    /// Decides whether a fact, or an issued warrant, is recorded at this index, with this time in milliseconds. What it
    /// admits counts for the next call, and is in effect only after [`FollowFacts::commit`].
    fn admit(&mut self, fact: &Arc<Entry>, at: u64, time: u64) -> Result<(), FactRefused>;

    /// A group commit is durable.
    fn commit(&mut self, committed: &Committed<'_>);

    /// The group commit was not written: what was admitted since the last commit never happened.
    fn discard(&mut self);
}

/// A group commit that is durable, as far as a follower needs it.
#[derive(Debug)]
pub struct Committed<'a> {
    /// The log with it.
    pub head: Head,
    /// Its facts, and its issued warrants, with their indices; often there are none. Facts come before everything else.
    pub facts: &'a [(u64, Arc<Entry>)],
    /// Its decisions to forward.
    pub forwards: &'a [Forward<'a>],
    /// The indices of the decisions that have their outcome in it.
    pub outcomes: &'a [u64],
}

/// A decision to forward that is durable.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// The index of its entry.
    pub index: u64,
    /// The decision.
    pub decision: &'a Decision,
    /// The bytes of its entry.
    pub bytes: &'a [u8],
}

/// Why the follower does not admit a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactRefused {
    /// The same is in force already, since this entry. Its caller gets a receipt of that entry.
    Repeats {
        /// The index of the first.
        index: u64,
        /// The time of the first, in milliseconds.
        time: u64,
    },
    /// `replaces` does not name the newest entry of its scope and subject.
    Conflict {
        /// The index of the newest; `None` if there is none.
        newest: Option<u64>,
    },
    /// The attestor has said something newer.
    Older {
        /// When the newer statement was made, in seconds.
        newest: u64,
    },
    /// A reinstatement names no revocation that is in force.
    NotInForce,
    /// It was permitted or verified under a bundle that is not active now.
    OtherBundle,
    /// What its policy had read about a root has changed: another one was issued for the same token or holder, or something was
    /// halted or revoked.
    OtherFacts,
    /// There are too many facts. Only what allows something is refused; what denies is always taken.
    Full,
}

impl fmt::Display for FactRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeats { index, .. } => write!(f, "entry {index} says the same already"),
            Self::Conflict { newest: Some(newest) } => {
                write!(
                    f,
                    "the newest entry of its scope and subject is {newest}; read it and name it in `replaces`"
                )
            }
            Self::Conflict { newest: None } => {
                f.write_str("there is no entry of its scope and subject; leave `replaces` out")
            }
            Self::Older { newest } => write!(f, "the attestor made a newer statement at {newest}"),
            Self::NotInForce => f.write_str("no revocation that is in force has this index, kind and value"),
            Self::OtherBundle => {
                f.write_str("another bundle became active meanwhile; send the request again")
            }
            Self::OtherFacts => {
                f.write_str("what its policy had read has changed meanwhile; send the request again")
            }
            Self::Full => f.write_str("there are too many facts; wait until some have expired"),
        }
    }
}

/// Proof that a fact is on disk, and that every later start requires it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactReceipt {
    /// The receipt; for a repetition, of the first entry that says the same.
    pub receipt: Receipt,
    /// Whether the same was recorded before, so that no entry was added.
    pub repeats: bool,
}

/// Why a fact has no receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactError {
    /// It could not be recorded, or it is not known whether a start will require it.
    NotRecorded(RecordError),
    /// It was not admitted.
    Refused(FactRefused),
}

impl fmt::Display for FactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRecorded(error) => error.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for FactError {}

/// Called once, when the fact is acknowledged or refused.
pub type FactCallback = Box<dyn FnOnce(Result<FactReceipt, FactError>) + Send>;

/// A follower has read less than the log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The size up to which it has read.
    pub as_of: u64,
    /// The size of the log.
    pub size: u64,
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the log has {} entries, but only {} were read; read the rest first", self.size, self.as_of)
    }
}

impl std::error::Error for Behind {}

/// The answer to a caller that knows facts only as entries.
pub(crate) fn as_entry_answer(answer: Result<FactReceipt, FactError>) -> Result<Receipt, RecordError> {
    answer.map(|acknowledged| acknowledged.receipt).map_err(|error| match error {
        FactError::NotRecorded(error) => error,
        FactError::Refused(refused) => RecordError::Refused(refused),
    })
}
