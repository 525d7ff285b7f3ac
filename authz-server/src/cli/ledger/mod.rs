//! `portcullis ledger`: what is on record, for auditors and operators. Everything but `archive` and `reassert` only reads,
//! and reads the ledger of a running server as well as a copy. Exit status 0 it is so, 1 it is not, 2 unreadable.

mod archive;
pub(super) mod bundles;
pub(super) mod decision;
mod describe;
mod export;
mod filter;
mod follow;
pub(super) mod instant;
pub(super) mod opened;
mod progress;
mod prove;
mod reassert;
mod remote;
mod replay;
mod scan;
mod show;
mod tail;
mod verify;

use clap::Subcommand;

use super::out::{Done, Failure};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Audit a log whole, or a proof: exit status 0 only if everything holds
    Verify(verify::Args),
    /// Make a self-contained proof: that an entry is in the log, or that the log only grew
    Prove(prove::Args),
    /// Find entries
    Show(show::Args),
    /// The last entries, and those to come
    Tail(tail::Args),
    /// Entries as JSON lines
    Export(export::Args),
    /// Move old entries out of a ledger that no server has open
    Archive(archive::Args),
    /// Judge recorded decisions again and compare
    Replay(replay::Args),
    /// After `serve --restored`: say that what may be missing was put right, and end the halt
    Reassert(reassert::Args),
}

pub(super) fn run(command: &Command) -> Result<Done, Failure> {
    match command {
        Command::Verify(args) => verify::run(args),
        Command::Prove(args) => prove::run(args),
        Command::Show(args) => show::run(args),
        Command::Tail(args) => tail::run(args),
        Command::Export(args) => export::run(args),
        Command::Archive(args) => archive::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Reassert(args) => reassert::run(args),
    }
}
