//! `portcullis key`: make a key file, show its public half.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use warrant::Algorithm;
use warrant::mint::Signer;

use super::out::{Failure, line};
use crate::keys::{self, PrivateKey};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new private key, in a file that only you can read
    New(New),
    /// Print the public half of a key file as a JWK
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The file to make; an existing one is never overwritten
    #[arg(long)]
    out: PathBuf,
    #[arg(long, value_enum, default_value = "es256")]
    alg: Alg,
    /// The name under which others will look the key up
    #[arg(long)]
    kid: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    file: PathBuf,
}

/// The two algorithms that there are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Alg {
    #[value(alias = "ES256")]
    Es256,
    #[value(name = "ed25519", aliases = ["Ed25519", "EdDSA"])]
    Ed25519,
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New(args) => new(args),
        Command::Show(args) => show(args),
    }
}

fn new(args: &New) -> Result<(), Failure> {
    let algorithm = match args.alg {
        Alg::Es256 => Algorithm::Es256,
        Alg::Ed25519 => Algorithm::Ed25519,
    };
    let key = PrivateKey::generate(algorithm, args.kid.as_deref()).map_err(Failure::new)?;
    keys::write_new(&args.out, &key).map_err(Failure::new)?;
    line(key.public_key().thumbprint())
}

fn show(args: &Show) -> Result<(), Failure> {
    let key = keys::read(&args.file).map_err(Failure::new)?;
    line(key.public_key().to_jwk_json())
}
