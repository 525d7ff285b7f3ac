//! The command line: one file for each command. Exit status 0: done; 1: denied; 2: wrong usage, wrong setup,
//! or faults.

mod console;
mod init;
mod key;
mod kubernetes;
mod ledger;
mod log;
mod operate;
mod operator;
mod out;
mod policy;
mod receipt;
mod request;
mod runtime;
mod serve;
mod signer;
mod values;
mod warrant;

use std::process::ExitCode;

use ::ledger::entry::Posture;
use clap::{Parser, Subcommand};
use out::{ExitStatus, Failure};

/// A fail-closed execution-governance gate for Envoy and Istio meshes: no warrant, no execution.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a home directory that is ready to serve: keys, a configuration, a signed bundle with sample
    /// routes, a ledger
    Init(init::Args),
    /// Write the Secrets and the values of the chart for the first start in a cluster, again after each `policy sign` before it
    Kubernetes(kubernetes::Args),
    /// Serve ext_authz, health and metrics
    Serve(serve::Args),
    /// Turn the GovernedRoutes of a Kubernetes cluster into signed routes, and serve them to the servers
    Operator(operator::Args),
    /// Have one key in a process of its own, and sign for a server over a Unix socket
    Signer(signer::Args),
    /// Make keys and show them
    #[command(subcommand)]
    Key(key::Command),
    /// Work with recorded entries: audit, prove, search, export, archive, judge again
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Mint, delegate, inspect and verify warrants, and make proofs of possession
    #[command(subcommand)]
    Warrant(warrant::Command),
    /// Send a request as an agent does: get a warrant for it, prove whose it is, send, and print the answer
    Request(request::Args),
    /// Revoke a warrant, a lineage, a key or a holder: from now on nothing under this name is allowed
    Revoke(operate::RevokeArgs),
    /// End the revocation of a key or a holder
    Reinstate(operate::ReinstateArgs),
    /// Allow nothing: in the mesh, an environment, a route, or for an issuer
    Halt(operate::PostureArgs),
    /// Allow what the policy allows in the restricted posture
    Restrict(operate::PostureArgs),
    /// Allow what the policy allows
    Resume(operate::PostureArgs),
    /// Show which proxies ask for governance statements, and how far each of them is
    Proxies(operate::ProxiesArgs),
    /// Show the newest decisions, or one with its grounds: what was asked, by whom, and why it was allowed or denied
    Decisions(operate::DecisionsArgs),
    /// Show the warrants of a lineage as a tree, with the decisions under each
    Lineage(operate::LineageArgs),
    /// Show the console of a server on this machine in a browser: decisions, lineages, and why each was allowed or denied
    Console(console::Args),
    /// Sign a statement about a workload or a condition, and bring it to a server
    #[command(subcommand)]
    Attest(operate::AttestCommand),
    /// Check what an upstream gets to prove that a request was decided and recorded
    #[command(subcommand)]
    Receipt(receipt::Command),
    /// Write, test, sign and explain policies
    #[command(subcommand)]
    Policy(policy::Command),
}

pub fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(wrong) => return usage_error(&wrong),
    };
    let result = match command {
        Command::Init(args) => init::run(&args).map(|()| ExitStatus::Success),
        Command::Kubernetes(args) => kubernetes::run(&args).map(|()| ExitStatus::Success),
        Command::Serve(args) => serve::run(&args).map(|()| ExitStatus::Success),
        Command::Operator(args) => operator::run(&args).map(|()| ExitStatus::Success),
        Command::Signer(args) => signer::run(&args).map(|()| ExitStatus::Success),
        Command::Key(command) => key::run(&command).map(|()| ExitStatus::Success),
        Command::Ledger(command) => ledger::run(&command),
        Command::Warrant(command) => warrant::run(&command),
        Command::Request(args) => request::run(&args),
        Command::Revoke(args) => operate::revoke(&args),
        Command::Reinstate(args) => operate::reinstate(&args),
        Command::Halt(args) => operate::set_posture(&args, Posture::Halted),
        Command::Restrict(args) => operate::set_posture(&args, Posture::Restricted),
        Command::Resume(args) => operate::set_posture(&args, Posture::Normal),
        Command::Proxies(args) => operate::proxies(&args),
        Command::Decisions(args) => operate::decisions(&args),
        Command::Lineage(args) => operate::lineage(&args),
        Command::Console(args) => console::run(&args).map(|()| ExitStatus::Success),
        Command::Attest(command) => operate::attest(&command),
        Command::Receipt(command) => receipt::run(&command),
        Command::Policy(command) => policy::run(&command),
    };
    result.map_or_else(|failure| failure.print(), ExitCode::from)
}

/// Help and the version are printed as clap writes them; a usage error is printed in one line.
fn usage_error(wrong: &clap::Error) -> ExitCode {
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
    let message = wrong.to_string();
    let what = message.split("\n\nUsage:").next().unwrap_or_default();
    let what = what.split("\n\nFor more information").next().unwrap_or_default();
    let what: Vec<&str> = what.split_whitespace().collect();
    let what = what.join(" ");
    let usage = message.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or("portcullis");
    let verbs: Vec<&str> = usage.split(' ').take_while(|word| !word.starts_with(['-', '<', '['])).collect();
    Failure::new(format!("{}; see `{} --help`", what.trim_start_matches("error: "), verbs.join(" "))).print()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_command_is_described() {
        super::Cli::command().debug_assert();
    }
}
