//! `portcullis warrant mint`: a root, by the authority of a house, or by a key file and the issuer's name.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::mint::{Grant, Root, Signer};
use warrant::{Issuer, Terms};

use super::grant::{DEFAULT_LIFETIME, Terms as Whose, fresh_name};
use super::scope::Scope;
use crate::cli::init::house;
use crate::cli::out::{Failure, line};
use crate::keys::{self, PrivateKey};
use policy::Bundle;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// A folder that `portcullis init` made: its authority signs
    #[arg(long, conflicts_with_all = ["key", "issuer", "kid"])]
    home: Option<PathBuf>,
    /// Without a house: the authority's key file
    #[arg(long)]
    key: Option<PathBuf>,
    /// Without a house: the authority's URL
    #[arg(long)]
    issuer: Option<String>,
    /// Without a house: the name of the key [default: its own `kid`, or its thumbprint]
    #[arg(long)]
    kid: Option<String>,
    #[command(flatten)]
    whose: Whose,
    /// The mesh that it is for; may be given several times [default: the house's own]
    #[arg(long)]
    aud: Vec<String>,
    #[command(flatten)]
    scope: Scope,
    /// How often it may be delegated onwards
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
                "{flag} is missing: a warrant says on which hosts, by which methods and under which paths"
            )));
        }
    }
    let authority = authority(args)?;
    let begins = args.whose.begins();
    let grant = Grant {
        sub: args.whose.sub.clone(),
        cnf: keys::read_one_public(&args.whose.cnf).map_err(Failure::new)?,
        aud: authority.aud,
        jti: fresh_name()?,
        iat: begins,
        nbf: begins,
        exp: begins.plus(args.whose.lifetime.unwrap_or(DEFAULT_LIFETIME)),
        max_depth: args.max_depth,
        use_max: args.whose.uses,
        env: args.whose.environment(),
        att: args.whose.measurements(),
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
            let bundle = house::bundle(home)?;
            let (issuer, kid) = issuer(&bundle, &key)?;
            would_hold(args, issuer, bundle.terms())?;
            let iss = issuer.iss.clone();
            let aud = if args.aud.is_empty() { vec![bundle.audience().to_owned()] } else { args.aud.clone() };
            Ok(Authority { key, iss, kid, aud })
        }
        (None, Some(file), Some(iss)) if !args.aud.is_empty() => {
            let key = keys::read(file).map_err(Failure::new)?;
            let own = || key.kid().map_or_else(|| key.public_key().thumbprint().to_string(), str::to_owned);
            let kid = args.kid.clone().unwrap_or_else(own);
            Ok(Authority { kid, iss: iss.clone(), aud: args.aud.clone(), key })
        }
        (None, ..) => Err(Failure::new("say who signs: --home, or --key with --issuer and --aud")),
    }
}

/// Under which name the mesh knows this key. One that it does not know could sign nothing that is believed.
fn issuer<'a>(bundle: &'a Bundle, authority: &PrivateKey) -> Result<(&'a Issuer, String), Failure> {
    let of_key = |issuer: &'a Issuer| {
        let (kid, _) = issuer.keys.iter().find(|(_, key)| key == authority.public_key())?;
        Some((issuer, kid.clone()))
    };
    let unknown =
        "keys/authority.jwk is no key of an issuer in the house's bundle: sign a bundle that names it";
    bundle.trust().issuers().iter().find_map(of_key).ok_or_else(|| Failure::new(unknown))
}

/// What the house would deny whatever it is used for is not worth signing.
fn would_hold(args: &Args, issuer: &Issuer, terms: &Terms) -> Result<(), Failure> {
    let (sub, lifetime) = (&args.whose.sub, args.whose.lifetime.unwrap_or(DEFAULT_LIFETIME));
    if !issuer.subjects.iter().any(|pattern| pattern.matches(sub)) {
        let what = format!("--sub: {} may not vouch for {sub} in this house", issuer.iss);
        return Err(Failure::new(format!("{what}: its `subjects` in policy/mesh.yaml say for whom it may")));
    }
    if lifetime > terms.max_lifetime {
        let most = terms.max_lifetime;
        return Err(Failure::new(format!(
            "--lifetime: {lifetime} s, and nothing lives above {most} s in this house"
        )));
    }
    Ok(())
}
