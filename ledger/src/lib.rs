//! The ledger: an append-only, Merkle-hashed, signed log whose entries are durable before anybody acts on them.
//!
//! A caller gives an [`Entry`] to a [`Ledger`] and gets a [`Receipt`] back only once the entry is on disk. This crate
//! knows the file system (through [`durable`] only), hashing and signed notes. It knows nothing of warrants, policies,
//! Envoy or HTTP, and it has no clock: the caller passes the time in.

// The decision that tests start from, shared with the integration tests and the benches.
#[cfg(test)]
#[path = "../tests/common/decision.rs"]
mod example_decision;
#[cfg(test)]
mod example_log;

pub mod canonical;
pub mod consistency;
pub mod durable;
pub mod entry;
pub mod flood;
pub mod layout;
pub mod merkle;
pub mod note;
pub mod part;
pub mod proof;
pub mod published_file;
pub mod tree;
pub mod verify;

mod fault;
mod handed_out;
mod ledger;
mod mark;
mod publish;
mod snapshot;
mod wal;

pub use crate::entry::Entry;
pub use crate::fault::{InitError, OpenError, ReadError, RecordError};
pub use crate::ledger::{
    ArchiveError, Behind, Callback, ClockFn, ClosedLedger, Committed, DraftedDecision, EntriesAhead,
    FORWARD_RECORDED_WITHIN_SECONDS, FactCallback, FactError, FactReceipt, FactRefused, FirstFile,
    FirstLedger, FollowFacts, Forward, Head, Health, Inspection, Ledger, NotFirst, Options, Origin, Receipt,
    RecordedEntries, RecordedEntry, Recovery, Usage,
};
pub use crate::mark::Mark;
pub use crate::merkle::{Hash, TreeHead};
pub use crate::note::{SigningKey, VerifyingKey};
pub use crate::snapshot::{SavedSnapshot, Snapshot};
