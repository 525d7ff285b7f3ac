//! `portcullis warrant mint`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::Issuer;
use warrant::mint::{Detail, Grant, Root, Signer};

use super::grant::{Terms, fresh_name};
use crate::cli::init::house;
use crate::cli::out::{Failure, line};
use crate::keys::{self, PrivateKey};
use crate::policy::Bundle;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// A folder that `portcullis init` made: its authority signs
    #[arg(long)]
    home: PathBuf,
    #[command(flatten)]
    terms: Terms,
    /// The mesh it is for [default: the house's own]
    #[arg(long)]
    aud: Option<String>,
    /// A canonical host; may be given several times, as may methods and paths
    #[arg(long = "host", required = true)]
    hosts: Vec<String>,
    #[arg(long = "method", required = true)]
    methods: Vec<String>,
    /// A path pattern: `*` is one segment, a final `**` whatever is left
    #[arg(long = "path", required = true)]
    paths: Vec<String>,
    /// How often it may be delegated onwards
    #[arg(long, default_value_t = 0)]
    max_depth: u64,
}

pub(in crate::cli) fn run(args: &Args) -> Result<(), Failure> {
    let authority = keys::read(&args.home.join("keys/authority.jwk")).map_err(Failure::new)?;
    let bundle = house::bundle(&args.home)?;
    let (iss, kid) = issuer(&bundle, &authority)?;
    let holder = keys::read(&args.terms.cnf).map_err(Failure::new)?;
    let begins = args.terms.begins();
    let details = Detail {
        hosts: args.hosts.clone(),
        methods: args.methods.clone(),
        paths: args.paths.clone(),
        actions: None,
        args: Vec::new(),
    };
    let grant = Grant {
        sub: args.terms.sub.clone(),
        cnf: *holder.public_key(),
        aud: vec![args.aud.clone().unwrap_or_else(|| bundle.audience().to_owned())],
        jti: fresh_name()?,
        iat: begins,
        nbf: begins,
        exp: begins.plus(args.terms.lifetime),
        max_depth: args.max_depth,
        use_max: args.terms.uses,
        env: args.terms.environment(),
        att: None,
        details: vec![details],
    };
    let root = Root { iss, txn: fresh_name()?, ini: None, pol: None, dec: None, attr: None, grant };
    line(root.sign(&authority, &kid).map_err(Failure::new)?)
}

/// Under which name the mesh knows this key. One that it does not know could sign nothing that is believed.
fn issuer(bundle: &Bundle, authority: &PrivateKey) -> Result<(String, String), Failure> {
    let of_key = |issuer: &Issuer| {
        let (kid, _) = issuer.keys.iter().find(|(_, key)| key == authority.public_key())?;
        Some((issuer.iss.clone(), kid.clone()))
    };
    let unknown =
        "keys/authority.jwk is no key of an issuer in the house's bundle: sign a bundle that names it";
    bundle.trust().issuers().iter().find_map(of_key).ok_or_else(|| Failure::new(unknown))
}
