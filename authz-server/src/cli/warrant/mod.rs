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
mod subject_token;
mod trust;
mod verify;

use clap::Subcommand;

use super::out::{ExitStatus, Failure};
use super::values::{bytes_or_file, value_or_file};

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
    /// Sign a token that names an agent, with the key that stands in for an identity provider
    SubjectToken(subject_token::Args),
}

pub(super) fn run(command: &Command) -> Result<ExitStatus, Failure> {
    match command {
        Command::Mint(args) => mint::run(args).map(|()| ExitStatus::Success),
        Command::Delegate(args) => delegate::run(args).map(|()| ExitStatus::Success),
        Command::Inspect(args) => inspect::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Prove(args) => prove::run(args).map(|()| ExitStatus::Success),
        Command::SubjectToken(args) => subject_token::run(args).map(|()| ExitStatus::Success),
    }
}
