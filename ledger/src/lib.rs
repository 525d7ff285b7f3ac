//! The ledger: an append-only, Merkle-hashed, signed log whose entries are durable before anybody acts on them.
//!
//! A caller gives an [`Entry`] to a [`Ledger`] and gets a [`Receipt`] back only once the entry is on disk. This crate
//! knows the file system (through [`durable`] only), hashing and signed notes. It knows nothing of warrants, policies,
//! Envoy or HTTP, and it has no clock: the caller passes the time in.
//!
//! Without the feature `log`, only the half is left that checks what somebody hands over: a proof, a checkpoint, an entry.
//! It knows no files and builds for wasm32, so that a browser checks a proof with the code of the server.

// The decision that tests start from, shared with the integration tests and the benches.
#[cfg(test)]
#[path = "../tests/common/decision.rs"]
mod example_decision;
#[cfg(test)]
mod example_log;

pub mod canonical;
pub mod consistency;
pub mod entry;
pub mod merkle;
pub mod note;
pub mod proof;

#[cfg(feature = "log")]
pub mod durable;
#[cfg(feature = "log")]
pub mod flood;
#[cfg(feature = "log")]
pub mod layout;
#[cfg(feature = "log")]
pub mod part;
#[cfg(feature = "log")]
pub mod published_file;
#[cfg(feature = "log")]
pub mod tree;
#[cfg(feature = "log")]
pub mod verify;

#[cfg(feature = "log")]
mod fault;
#[cfg(feature = "log")]
mod handed_out;
#[cfg(feature = "log")]
mod ledger;
#[cfg(feature = "log")]
mod mark;
#[cfg(feature = "log")]
mod publish;
#[cfg(feature = "log")]
mod snapshot;
#[cfg(feature = "log")]
mod wal;

pub use crate::entry::Entry;
#[cfg(feature = "log")]
pub use crate::fault::{InitError, OpenError, ReadError, RecordError};
#[cfg(feature = "log")]
pub use crate::ledger::{
    ArchiveError, Behind, Callback, ClockFn, ClosedLedger, Committed, DraftedDecision, EntriesAhead,
    FORWARD_RECORDED_WITHIN_SECONDS, FactCallback, FactError, FactReceipt, FactRefused, FirstFile,
    FirstLedger, FollowFacts, Forward, Head, Health, Inspection, Ledger, NotFirst, Options, Origin, Receipt,
    RecordedEntries, RecordedEntry, Recovery, Usage,
};
#[cfg(feature = "log")]
pub use crate::mark::Mark;
pub use crate::merkle::{Hash, TreeHead};
#[cfg(feature = "log")]
pub use crate::note::SigningKey;
pub use crate::note::VerifyingKey;
#[cfg(feature = "log")]
pub use crate::snapshot::{SavedSnapshot, Snapshot};
