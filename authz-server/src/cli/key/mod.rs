//! `portcullis key`: makes key files and shows their public halves. Only `show --private` prints a private
//! half.

mod retire;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use warrant::mint::Signer;
use warrant::{Algorithm, formats};

use super::out::{Failure, line, line_to_stderr};
use crate::config;
use crate::keys::{self, KeyPlace, KeyRing, KeyRole, NamedKey, NamedSigner, PrivateKey};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new private key in a file that only you can read
    New(New),
    /// Make the next key of a server, beside the one that it has, and say how it comes into use
    Rotate(Rotate),
    /// Let the next key for statements or receipts be the only one, when it is in use
    Retire(retire::Retire),
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
    /// What the key signs: warrants, governance statements, or receipts
    #[arg(long, value_enum, default_value = "authority")]
    role: KeyRole,
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
    /// Print only the key's thumbprint: the name by which `portcullis revoke key` takes it
    #[arg(long, conflicts_with = "private")]
    thumbprint: bool,
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
        Command::Retire(args) => retire::run(args),
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

/// The server finds the key in its file while it runs.
fn rotate(args: &Rotate) -> Result<(), Failure> {
    let keys = config::load(&args.config).map_err(|faults| Failure::all(&faults))?.keys;
    let (role, place, all) = of_role(&keys, args.role, &args.config)?;
    if let (Some(most), Some(next)) = (role.successors(), all.get(1))
        && all.len() > most
    {
        let (next, retire) = (place.beside(&next.kid), format!("portcullis key retire --role {role}"));
        return Err(Failure::new(format!(
            "{next} is the next key already: finish its rotation first ({retire})"
        )));
    }
    if let Some(socket) = place.socket() {
        return Err(Failure::new(format!(
            "another process has the key, at {}: make the next one there, let a signer of its own listen on {}, and put its public half into {} (`portcullis key jwks`)",
            socket.display(),
            place.beside("KID").socket().unwrap_or(socket).display(),
            place.beside("KID")
        )));
    }
    let first = all.first().ok_or_else(|| Failure::new(format!("{place}: there is no key")))?;
    let kid = match &args.kid {
        Some(kid) => kid.clone(),
        None => {
            let named = first.has_own_name().then_some(first.kid.as_str());
            next_name(named.unwrap_or("k1"), |kid| kid == first.kid || place.beside(kid).file().exists())
        }
    };
    if !formats::is_kid(&kid) {
        return Err(Failure::new("--kid: write 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`"));
    }
    if all.iter().any(|key| key.kid == kid) {
        return Err(Failure::new(format!("--kid: there is a key {kid:?} already")));
    }
    let key = PrivateKey::generate(first.public_key().alg(), Some(&kid)).map_err(Failure::new)?;
    let next = place.beside(&kid);
    keys::write_new(next.file(), &key).map_err(Failure::new)?;
    line(keys::listed_jwk(&kid, key.public_key()))?;
    let then = match role {
        KeyRole::Authority => {
            "Sign a bundle that lists this key under `issuers` of mesh.yaml BEFORE the key in use: every proxy learns it. Then one that lists it last: the server signs with it. When the last warrant of the old key has expired (`maxLifetime`), sign one without the old key"
        }
        KeyRole::Statement => {
            "Write the pins of gate and seal again (`portcullis init DIR --keep`), and give them to every proxy: the server signs with this key when all of them pin it. `portcullis proxies` shows that. Then `portcullis key retire --role statement`, and write the pins once more"
        }
        KeyRole::Receipt => {
            "The server publishes it at once, and signs with it when no upstream can hold a set without it any more (`receiptSetSeconds`, 5 minutes by default). Then: `portcullis key retire --role receipt`"
        }
    };
    line_to_stderr(format!("portcullis: the private half is in {next}. {then}"));
    Ok(())
}

/// The keys of a role, and where the first of them is.
fn of_role<'k>(
    keys: &'k KeyRing,
    role: KeyRole,
    config: &Path,
) -> Result<(KeyRole, &'k KeyPlace, Vec<NamedSigner>), Failure> {
    let place = keys.place(role);
    let place = place.ok_or_else(|| {
        Failure::new(format!("{}: this server issues no warrants: it has no `authority`", config.display()))
    })?;
    Ok((role, place, keys.of(role)))
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
    let key = keys::read_one_public(&args.file).map_err(Failure::new)?.key;
    line(if args.thumbprint { key.thumbprint().to_string() } else { key.to_jwk_json() })
}

fn jwks(args: &Jwks) -> Result<(), Failure> {
    let mut set: Vec<NamedKey> = Vec::new();
    for file in &args.files {
        for named in keys::read_public(file).map_err(Failure::new)? {
            if set.iter().any(|other| other.kid == named.kid) {
                let (kid, file) = (named.kid, file.display());
                return Err(Failure::new(format!("two keys have the kid {kid:?}; the second is in {file}")));
            }
            set.push(named);
        }
    }
    line(keys::jwks(set))
}
