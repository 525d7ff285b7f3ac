//! `portcullis key`: makes key files and shows their public halves. Only `show --private` prints a private
//! half.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value as Json, json};
use warrant::mint::Signer;
use warrant::{Algorithm, formats};

use super::out::{Failure, line, line_to_stderr};
use crate::config;
use crate::keys::{self, NamedKey, PrivateKey};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new private key in a file that only you can read
    New(New),
    /// Make the next key of a server's authority, beside the one that it has, and say how it comes into use
    Rotate(Rotate),
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
pub(super) struct Rotate {
    /// The configuration of the server
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The name of the new key [default: that of the first with the next number that is free]
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
        Command::Rotate(args) => rotate(args),
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

/// The server finds the key by its name when a bundle lists it.
fn rotate(args: &Rotate) -> Result<(), Failure> {
    let config = config::load(&args.config).map_err(|faults| Failure::all(&faults))?;
    let Some(authority) = config.authority else {
        return Err(Failure::new(format!(
            "{}: this server issues no warrants: it has no `authority`",
            args.config.display()
        )));
    };
    let first = authority.key.first();
    let kid = match &args.kid {
        Some(kid) => kid.clone(),
        None => next_name(first.kid().unwrap_or_default(), |kid| authority.key.file_of(kid).exists()),
    };
    if !formats::is_kid(&kid) {
        return Err(Failure::new("--kid: write 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`"));
    }
    let key = PrivateKey::generate(first.public_key().alg(), Some(&kid)).map_err(Failure::new)?;
    let file = authority.key.file_of(&kid);
    keys::write_new(&file, &key).map_err(Failure::new)?;
    // As mesh.yaml has it.
    line(key.public_key().to_jwk_json().replacen('{', &format!("{{\"kid\":\"{kid}\","), 1))?;
    line_to_stderr(format!(
        "portcullis: the private half is in {}. Sign a bundle that lists this key under `issuers` of mesh.yaml BEFORE the key in use: every proxy learns it. Then one that lists it last: the server signs with it. When the last warrant of the old key has expired (`maxLifetime`), sign one without the old key",
        file.display()
    ));
    Ok(())
}

/// `a1` and `a2` are taken: `a3`. A name without a number gets one.
fn next_name(first: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let stem = first.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number: u32 = first.strip_prefix(stem).and_then(|digits| digits.parse().ok()).unwrap_or(1);
    let names = (number.saturating_add(1)..).map(|number| format!("{stem}{number}"));
    names.into_iter().find(|name| !is_taken(name)).unwrap_or_default()
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
