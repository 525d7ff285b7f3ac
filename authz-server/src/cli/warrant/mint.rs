//! `portcullis warrant mint`: mints a root with the authority's key of a home directory, or with a key file
//! and the issuer's name.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::mint::{Grant, Root, Signer};
use warrant::{Issuer, Terms};

use super::grant::{DEFAULT_LIFETIME, GrantArgs, fresh_name};
use super::scope::ScopeArgs;
use crate::cli::init::home;
use crate::cli::out::{Failure, line};
use crate::keys::{self, PrivateKey};
use policy::Bundle;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// A home directory that `portcullis init` made: its authority signs
    #[arg(long, conflicts_with_all = ["key", "issuer", "kid"])]
    home: Option<PathBuf>,
    /// Without --home: the authority's key file
    #[arg(long)]
    key: Option<PathBuf>,
    /// Without --home: the authority's URL
    #[arg(long)]
    issuer: Option<String>,
    /// Without --home: the name of the key [default: its `kid`, or its thumbprint]
    #[arg(long)]
    kid: Option<String>,
    #[command(flatten)]
    grant_args: GrantArgs,
    /// The mesh of the warrant; may be given several times [default: the mesh of the home directory]
    #[arg(long)]
    aud: Vec<String>,
    #[command(flatten)]
    scope: ScopeArgs,
    /// How many times it may be delegated, one below the other
    #[arg(long, default_value_t = 0)]
    max_depth: u64,
}

/// Who signs, under which names, and for which mesh.
struct Authority {
    key: PrivateKey,
    iss: String,
    kid: String,
    aud: Vec<String>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<(), Failure> {
    for (flag, values) in
        [("--host", &args.scope.hosts), ("--method", &args.scope.methods), ("--path", &args.scope.paths)]
    {
        if values.is_empty() {
            return Err(Failure::new(format!(
                "{flag} is missing: a warrant must name its hosts, methods and paths"
            )));
        }
    }
    let authority = authority(args)?;
    let begins = args.grant_args.begins();
    let grant = Grant {
        sub: args.grant_args.sub.clone(),
        cnf: keys::read_one_public(&args.grant_args.cnf).map_err(Failure::new)?.key,
        aud: authority.aud,
        jti: fresh_name()?,
        iat: begins,
        nbf: begins,
        exp: begins.plus(args.grant_args.lifetime.unwrap_or(DEFAULT_LIFETIME)),
        max_depth: args.max_depth,
        use_max: args.grant_args.uses,
        env: args.grant_args.environment(),
        att: args.grant_args.measurements(),
        details: vec![args.scope.detail()],
    };
    let root =
        Root { iss: authority.iss, txn: fresh_name()?, ini: None, pol: None, dec: None, attr: None, grant };
    line(root.sign(&authority.key, &authority.kid).map_err(Failure::new)?)
}

fn authority(args: &Args) -> Result<Authority, Failure> {
    match (&args.home, &args.key, &args.issuer) {
        (Some(home), ..) => {
            let key = keys::read(&home.join("keys/authority.jwk")).map_err(Failure::new)?;
            let bundle = home::bundle(home)?;
            let (issuer, kid) = issuer(&bundle, &key)?;
            check_would_hold(args, issuer, bundle.terms())?;
            let iss = issuer.iss.clone();
            let aud = if args.aud.is_empty() { vec![bundle.audience().to_owned()] } else { args.aud.clone() };
            Ok(Authority { key, iss, kid, aud })
        }
        (None, Some(file), Some(iss)) if !args.aud.is_empty() => {
            let key = keys::read(file).map_err(Failure::new)?;
            let default =
                || key.kid().map_or_else(|| key.public_key().thumbprint().to_string(), str::to_owned);
            let kid = args.kid.clone().unwrap_or_else(default);
            Ok(Authority { kid, iss: iss.clone(), aud: args.aud.clone(), key })
        }
        (None, ..) => Err(Failure::new("choose who signs: --home, or --key with --issuer and --aud")),
    }
}

/// The issuer to which this key belongs in the mesh, and the key's name there. A warrant by an unknown key
/// would always be denied.
fn issuer<'a>(bundle: &'a Bundle, authority: &PrivateKey) -> Result<(&'a Issuer, String), Failure> {
    let of_key = |issuer: &'a Issuer| {
        let (kid, _) = issuer.keys.iter().find(|(_, key)| key == authority.public_key())?;
        Some((issuer, kid.clone()))
    };
    let unknown = "keys/authority.jwk is not a key of an issuer in the bundle of the home directory: sign a bundle that names it";
    bundle.trust().issuers().iter().find_map(of_key).ok_or_else(|| Failure::new(unknown))
}

/// Refuses to sign a warrant that the server of the home directory would deny for every request.
fn check_would_hold(args: &Args, issuer: &Issuer, terms: &Terms) -> Result<(), Failure> {
    let (sub, lifetime) = (&args.grant_args.sub, args.grant_args.lifetime.unwrap_or(DEFAULT_LIFETIME));
    if !issuer.subjects.iter().any(|pattern| pattern.matches(sub)) {
        let what = format!("--sub: {} may not issue warrants for {sub}", issuer.iss);
        return Err(Failure::new(format!("{what}: its allowed `subjects` are in policy/mesh.yaml")));
    }
    if lifetime > terms.max_lifetime {
        let most = terms.max_lifetime;
        return Err(Failure::new(format!(
            "--lifetime: {lifetime} s is too long: the bundle in the home directory allows at most {most} s"
        )));
    }
    Ok(())
}
