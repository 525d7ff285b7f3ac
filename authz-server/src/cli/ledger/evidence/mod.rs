//! Evidence: a part of a log in one folder, for an auditor who has nothing else of it.
//!
//! The folder has the layout of a ledger's directory as far as it goes: `log/` with the checkpoint, the tiles and the entry
//! bundles, `bundles/` with the policy bundles that its decisions name, `log.vkey`, and beside them `keys/`, the list
//! `evidence.json`, a page for its reader and the digests of all files. Nothing in it is believed: `verify` takes the log's key
//! from the auditor.

mod check;
mod contents;
mod make;
mod named;
mod page;

pub(super) use check::run as verify;
pub(super) use check::{audit, print_faults};
pub(super) use contents::Contents;
pub(super) use make::{EvidenceArgs, run as make};
