//! `portcullis policy`: everything that a team does with its documents, from the first check to the signed bundle, and what it asks of
//! them afterwards.
//!
//! Exit status: 0 done; 1 the answer is no (a test fails, a request would be denied); 2 faults, or what was asked cannot be done.

mod build;
mod check;
mod documents;
mod envoy;
mod explain;
mod note;
mod recorded;
mod report;
mod schema;
mod shelf;
mod show;
mod sign;
mod test;
mod yaml;

use clap::Subcommand;

use super::out::{Done, Failure};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what is wrong with the documents, all at once, and what to write instead
    Check(check::Args),
    /// Judge the tests of all routes, and say what they reach
    Test(test::Args),
    /// Say what would be signed: routes, files, and every argument that the record will hold
    Build(build::Args),
    /// Build, sign the next version, and put it in force
    Sign(sign::Args),
    /// Sign a note: the bundle stays in force for as long as it says
    Note(note::Args),
    /// Show the routes, or one route's document
    Show(show::Args),
    /// Say what a request would meet, or a recorded decision met: route, policies, code, why, and the cure; exit status 1 when denied
    Explain(Box<explain::Args>),
    /// Print the schema that a route's policies are validated against, or that of the documents
    Schema(schema::Args),
    /// Print what each route needs in Envoy's configuration
    Envoy(envoy::Args),
}

pub(super) fn run(command: &Command) -> Result<Done, Failure> {
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
