//! `portcullis warrant prove`: makes the proof of possession for one request.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::mint::{NewProof, Signer};
use warrant::{PresentedWarrant, Seconds};

use super::grant::fresh_name;
use super::{bytes_or_file, value_or_file};
use crate::cli::out::{Failure, line};
use crate::clock::Clock;
use crate::keys::{self, PrivateKey};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The holder's key file
    #[arg(long)]
    key: PathBuf,
    /// The warrant as it will be sent, or @FILE
    #[arg(long)]
    warrant: String,
    #[arg(long)]
    method: String,
    /// The host as it will be sent, with its port
    #[arg(long)]
    host: String,
    /// The raw path, with its query
    #[arg(long)]
    path: String,
    /// The body, or @FILE, if the route reads arguments from it
    #[arg(long)]
    body: Option<String>,
    /// The time of the proof, in seconds since 1970 [default: now]
    #[arg(long)]
    at: Option<u64>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<(), Failure> {
    let key = keys::read(&args.key).map_err(Failure::new)?;
    let warrant = value_or_file(&args.warrant)?;
    check_is_held_by(&warrant, &key)?;
    let body = args.body.as_deref().map(bytes_or_file).transpose()?;
    let proof = NewProof {
        jti: fresh_name()?,
        iat: args.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new),
        method: &args.method,
        authority: &args.host,
        path_and_query: &args.path,
        warrant_header: &warrant,
        body: body.as_deref(),
    };
    line(proof.sign(&key).map_err(Failure::new)?)
}

/// A proof by any other key would be denied as `proof-invalid`. This check finds the mistake without a
/// request.
fn check_is_held_by(warrant: &str, key: &PrivateKey) -> Result<(), Failure> {
    let links =
        PresentedWarrant::parse(warrant.as_bytes()).and_then(|presented| presented.unverified_claims());
    let malformed = "--warrant: the warrant is malformed; `portcullis warrant inspect` shows where";
    let links = links.map_err(|_| Failure::new(malformed))?;
    if links.last().and_then(|leaf| leaf.cnf().key()) == Some(key.public_key()) {
        return Ok(());
    }
    Err(Failure::new(
        "--key: this is not the key that the warrant's last link names (`cnf`): only its holder can make a proof",
    ))
}
