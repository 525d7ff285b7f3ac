//! `portcullis warrant`: everything that a holder or an authority does with a warrant offline.
//!
//! No ledger records the issue of roots that are minted here. They are for development, and for users with
//! their own authority.

mod delegate;
mod describe;
mod grant;
mod inspect;
mod mint;
mod narrow;
mod prove;
mod scope;
mod trust;
mod verify;

use clap::Subcommand;

use super::out::{ExitStatus, Failure};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Mint a root warrant with an authority's key
    Mint(mint::Args),
    /// Mint a narrower child of a warrant with its holder's key
    Delegate(delegate::Args),
    /// Show a warrant's lineage as a tree without verifying it. Exit status 1: something is visibly wrong
    Inspect(inspect::Args),
    /// Check whether a warrant would be accepted for a request. Exit status 0: accepted; 1: denied
    Verify(verify::Args),
    /// Make the proof of possession for one request
    Prove(prove::Args),
}

pub(super) fn run(command: &Command) -> Result<ExitStatus, Failure> {
    match command {
        Command::Mint(args) => mint::run(args).map(|()| ExitStatus::Success),
        Command::Delegate(args) => delegate::run(args).map(|()| ExitStatus::Success),
        Command::Inspect(args) => inspect::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Prove(args) => prove::run(args).map(|()| ExitStatus::Success),
    }
}

/// A value that is given directly, or as @FILE.
fn value_or_file(text: &str) -> Result<String, Failure> {
    match text.strip_prefix('@') {
        None => Ok(text.to_owned()),
        Some(file) => {
            let read = std::fs::read_to_string(file)
                .map_err(|e| Failure::new(format!("{file} cannot be read: {e}")))?;
            Ok(read.trim_end().to_owned())
        }
    }
}

/// Any bytes that are given directly, or as @FILE. Nothing is trimmed.
fn bytes_or_file(text: &str) -> Result<Vec<u8>, Failure> {
    match text.strip_prefix('@') {
        None => Ok(text.as_bytes().to_owned()),
        Some(file) => std::fs::read(file).map_err(|e| Failure::new(format!("{file} cannot be read: {e}"))),
    }
}
