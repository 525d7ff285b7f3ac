//! The command line: one file a command. Exit status 0 done, 1 denied, 2 usage or set-up.

mod init;
mod key;
mod ledger;
mod out;
mod serve;
mod warrant;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use out::{Done, Failure};

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
}

pub fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(wrong) => return misread(&wrong),
    };
    let done = match command {
        Command::Init(args) => init::run(&args).map(|()| Done::Well),
        Command::Serve(args) => serve::run(&args).map(|()| Done::Well),
        Command::Key(command) => key::run(&command).map(|()| Done::Well),
        Command::Ledger(command) => ledger::run(&command),
        Command::Warrant(command) => warrant::run(&command),
    };
    done.map_or_else(|failure| failure.tell(), ExitCode::from)
}

/// What was asked for (help, the version) goes out as it is; what was typed wrong is told in one line.
fn misread(wrong: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    let is_help = matches!(
        wrong.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if is_help {
        wrong.exit();
    }
    let told = wrong.to_string();
    let what = told.split("\n\nUsage:").next().unwrap_or_default();
    let what = what.split("\n\nFor more information").next().unwrap_or_default();
    let what: Vec<&str> = what.split_whitespace().collect();
    let what = what.join(" ");
    let usage = told.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or("portcullis");
    let verbs: Vec<&str> = usage.split(' ').take_while(|word| !word.starts_with(['-', '<', '['])).collect();
    Failure::new(format!("{}; see `{} --help`", what.trim_start_matches("error: "), verbs.join(" "))).tell()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_command_is_well_described() {
        super::Cli::command().debug_assert();
    }
}
