//! `portcullis key`: makes key files and shows their public halves. Only `show --private` prints a private
//! half.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value as Json, json};
use warrant::Algorithm;
use warrant::mint::Signer;

use super::out::{Failure, line};
use crate::keys::{self, NamedKey, PrivateKey};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new private key in a file that only you can read
    New(New),
    /// Print the public half of a key as a JWK
    Show(Show),
    /// Print the public halves of keys as a JWK set; a key without a kid gets its thumbprint as the kid
    Jwks(Jwks),
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The new file; an existing file is never overwritten
    #[arg(long)]
    out: PathBuf,
    #[arg(long, value_enum, default_value = "es256")]
    alg: Alg,
    /// The key's name, by which others find it
    #[arg(long)]
    kid: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// A key file, or a public JWK
    file: PathBuf,
    /// Print the secret too, to move the key; never print it into a log
    #[arg(long)]
    private: bool,
}

#[derive(Debug, Args)]
pub(super) struct Jwks {
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// The supported algorithms.
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
        Command::Jwks(args) => jwks(args),
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
    if args.private {
        return line(keys::read(&args.file).map_err(Failure::new)?.to_jwk());
    }
    line(keys::read_one_public(&args.file).map_err(Failure::new)?.to_jwk_json())
}

fn jwks(args: &Jwks) -> Result<(), Failure> {
    let mut set: Vec<Json> = Vec::new();
    for file in &args.files {
        for named in keys::read_public(file).map_err(Failure::new)? {
            if set.iter().any(|other| other.get("kid").and_then(Json::as_str) == Some(named.kid.as_str())) {
                let (kid, file) = (named.kid, file.display());
                return Err(Failure::new(format!("two keys have the kid {kid:?}; the second is in {file}")));
            }
            set.push(public(&named)?);
        }
    }
    line(json!({"keys": set}))
}

fn public(named: &NamedKey) -> Result<Json, Failure> {
    let mut jwk: Json = serde_json::from_str(&named.key.to_jwk_json()).map_err(Failure::new)?;
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".to_owned(), Json::String(named.kid.clone()));
        members.insert("use".to_owned(), Json::String("sig".to_owned()));
    }
    Ok(jwk)
}
