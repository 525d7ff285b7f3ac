//! The memory: an append-only, Merkle-hashed, signed record that is durable before anything is acted on.
//!
//! A caller hands an [`Entry`] to a [`Ledger`] and gets a [`Receipt`] back only once the entry is on disk. This crate
//! knows the file system (through [`durable`] alone), hashing and signed notes. It knows nothing of warrants, policies,
//! Envoy or HTTP, and it asks no clock: time is handed in.

pub mod canonical;
pub mod consistency;
pub mod durable;
pub mod entry;
pub mod flood;
pub mod layout;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod resource;
pub mod tree;
pub mod verify;

mod fault;
mod ledger;
mod promise;
mod publish;
mod snapshot;
mod wal;

pub use crate::entry::Entry;
pub use crate::fault::{InitError, OpenError, ReadError, Refused};
pub use crate::ledger::{
    ArchiveError, Clock, Done, Health, Inspection, Ledger, Options, Origin, Receipt, Record, Records,
    Recovery, Usage,
};
pub use crate::merkle::Hash;
pub use crate::note::{SigningKey, VerifyingKey};
pub use crate::promise::Head;
pub use crate::snapshot::Snapshot;
