//! `portcullis warrant`: everything that a holder or an authority does with a warrant, offline.
//!
//! Roots minted here are in no issuance record: they are for development, and for authorities of one's own.

mod delegate;
mod describe;
mod grant;
mod inspect;
mod mint;
mod narrow;
mod prove;
mod scope;
mod trusted;
mod verify;

use clap::Subcommand;

use super::out::{Done, Failure};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Mint a root warrant with an authority's key
    Mint(mint::Args),
    /// Mint a narrower child of a warrant, with its holder's key
    Delegate(delegate::Args),
    /// Draw a warrant's lineage; nothing of it is verified, and exit status 1 says that something is plainly wrong
    Inspect(inspect::Args),
    /// Say whether a warrant would be accepted for a request: exit status 0, or 1 when it is denied
    Verify(verify::Args),
    /// Make the proof of possession for one request
    Prove(prove::Args),
}

pub(super) fn run(command: &Command) -> Result<Done, Failure> {
    match command {
        Command::Mint(args) => mint::run(args).map(|()| Done::Well),
        Command::Delegate(args) => delegate::run(args).map(|()| Done::Well),
        Command::Inspect(args) => inspect::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Prove(args) => prove::run(args).map(|()| Done::Well),
    }
}

/// A value given as such, or as @FILE.
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

/// The same for what may hold any byte; nothing of it is trimmed.
fn bytes_or_file(text: &str) -> Result<Vec<u8>, Failure> {
    match text.strip_prefix('@') {
        None => Ok(text.as_bytes().to_owned()),
        Some(file) => std::fs::read(file).map_err(|e| Failure::new(format!("{file} cannot be read: {e}"))),
    }
}
