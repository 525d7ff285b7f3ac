//! `portcullis ledger`: recorded entries, for auditors and operators.
//!
//! All commands but `archive` and `reassert` only read: the ledger of a running server or a copy. Exit
//! status: 0 yes; 1 no; 2 the log cannot be read.

mod archive;
pub(super) mod bundles;
mod describe;
mod evidence;
mod export;
mod filter;
pub(super) mod log;
mod progress;
mod prove;
pub(super) mod proved_decision;
mod proves;
mod reassert;
mod remote;
mod replay;
mod scan;
mod search;
mod show;
mod tail;
pub(super) mod time;
mod verify;

use clap::Subcommand;

use super::out::{ExitStatus, Failure};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Audit a whole log, or check the proof file that PLACE names. Exit status 0 only if everything holds
    Verify(verify::Args),
    /// Make a self-contained proof that an entry is in the log, or that the log only grew
    Prove(prove::Args),
    /// Find entries
    Show(show::Args),
    /// Print the last entries, and with --follow also new ones
    Tail(tail::Args),
    /// Print entries as JSON lines, or make a folder of evidence for an auditor
    Export(export::Args),
    /// Move old entries out of a ledger that no server has open
    Archive(archive::Args),
    /// Judge recorded decisions again, and compare
    Replay(replay::Args),
    /// After `serve --restored`: declare that facts which may be missing were recorded again, and end the
    /// halt
    Reassert(reassert::Args),
}

pub(super) fn run(command: &Command) -> Result<ExitStatus, Failure> {
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
