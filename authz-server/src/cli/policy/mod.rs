//! `portcullis policy`: everything that a team does with its documents, from the first check to the signed
//! bundle and the questions about it.
//!
//! Exit status: 0 done; 1 the answer is no (a test fails, a request would be denied); 2 faults, or the
//! command cannot do its work.

mod build;
mod bundle_directory;
mod check;
mod documents;
mod envoy;
mod explain;
mod explain_decision;
mod from_cluster;
mod note;
mod report;
mod schema;
mod show;
mod sign;
mod test;

use clap::Subcommand;

use super::out::{ExitStatus, Failure};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Report every fault in the documents at once, and what to write instead
    Check(check::Args),
    /// Run the tests of all routes, and show which policies and requirements they cover
    Test(test::Args),
    /// Show what would be signed: routes, files, and every argument that will be recorded
    Build(build::Args),
    /// Build, sign the next version of the bundle, and put it in force
    Sign(sign::Args),
    /// Sign a note: the bundle stays in force as long as the note is valid
    Note(note::Args),
    /// Show the routes, or one route's document
    Show(show::Args),
    /// Explain how a request would be decided, or how a recorded decision was: route, policies, code, reason
    /// and cure. Exit status 1 when denied
    Explain(Box<explain::Args>),
    /// Print the schema for a route's policies, or the schema of the documents
    Schema(schema::Args),
    /// Print what each route needs in Envoy's configuration
    Envoy(envoy::Args),
}

pub(super) fn run(command: &Command) -> Result<ExitStatus, Failure> {
    match command {
        Command::Check(args) => check::run(args),
        Command::Test(args) => test::run(args),
        Command::Build(args) => build::run(args),
        Command::Sign(args) => sign::run(args),
        Command::Note(args) => note::run(args),
        Command::Show(args) => show::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Envoy(args) => envoy::run(args),
    }
}
