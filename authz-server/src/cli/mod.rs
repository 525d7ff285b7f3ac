//! The command line: one file a command. Exit status 0 done, 1 denied, 2 usage, set-up or faults.

mod init;
mod key;
mod ledger;
mod out;
mod policy;
mod serve;
mod values;
mod warrant;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use out::Done;

/// A fail-closed execution-governance gate for Envoy and Istio meshes: no warrant, no execution.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "made once, from the command line")]
enum Command {
    /// Make a house: keys, a configuration, a signed bundle with sample routes, a ledger; ready to serve
    Init(init::Args),
    /// Serve ext_authz, health and metrics
    Serve(serve::Args),
    /// Make and show keys
    #[command(subcommand)]
    Key(key::Command),
    /// Audit, prove, search, export, archive and judge again what is on record
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Mint, delegate, inspect and verify warrants, and prove possession of one
    #[command(subcommand)]
    Warrant(warrant::Command),
    /// Write, test, sign and explain policies
    #[command(subcommand)]
    Policy(policy::Command),
}

pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Init(args) => init::run(&args).map(|()| Done::Well),
        Command::Serve(args) => serve::run(&args).map(|()| Done::Well),
        Command::Key(command) => key::run(&command).map(|()| Done::Well),
        Command::Ledger(command) => ledger::run(&command),
        Command::Warrant(command) => warrant::run(&command),
        Command::Policy(command) => policy::run(&command),
    };
    done.map_or_else(|failure| failure.tell(), ExitCode::from)
}
