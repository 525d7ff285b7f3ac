//! `portcullis warrant prove`.

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
    /// The host as it will be sent, port included
    #[arg(long)]
    host: String,
    /// The raw path, with its query
    #[arg(long)]
    path: String,
    /// The body, or @FILE, where the route reads arguments from it
    #[arg(long)]
    body: Option<String>,
    /// When it is made, in seconds since 1970 [default: now]
    #[arg(long)]
    at: Option<u64>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<(), Failure> {
    let key = keys::read(&args.key).map_err(Failure::new)?;
    let warrant = value_or_file(&args.warrant)?;
    is_held_by(&warrant, &key)?;
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

/// A proof by any other key is `proof-invalid`, and costs a round trip to find out.
fn is_held_by(warrant: &str, key: &PrivateKey) -> Result<(), Failure> {
    let links =
        PresentedWarrant::parse(warrant.as_bytes()).and_then(|presented| presented.unverified_claims());
    let malformed = "--warrant: it is malformed; `portcullis warrant inspect` says where";
    let links = links.map_err(|_| Failure::new(malformed))?;
    if links.last().and_then(|leaf| leaf.cnf().key()) == Some(key.public_key()) {
        return Ok(());
    }
    Err(Failure::new(
        "--key: it is not the key that the warrant's last link names (`cnf`): only its holder can prove",
    ))
}
