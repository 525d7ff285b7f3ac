//! `portcullis warrant mint`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::mint::{Detail, Grant, Root, Signer};
use warrant::{Issuer, Seconds};

use super::fresh_name;
use crate::cli::init::house;
use crate::cli::out::{Failure, line};
use crate::clock::Clock;
use crate::keys::{self, PrivateKey};
use crate::policy::Bundle;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// A folder that `portcullis init` made: its authority signs
    #[arg(long)]
    home: PathBuf,
    /// The holder: a SPIFFE ID, or a name such as agent:demo
    #[arg(long)]
    sub: String,
    /// The holder's key file; only its public half goes into the warrant
    #[arg(long)]
    cnf: PathBuf,
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
    /// How long it holds
    #[arg(long, default_value = "60s", value_parser = duration)]
    lifetime: u64,
    /// How often it may be used; without it, as often as its time allows
    #[arg(long = "use", value_parser = clap::value_parser!(u32).range(1..=0x7fff_ffff))]
    uses: Option<u32>,
    /// How often it may be delegated onwards
    #[arg(long, default_value_t = 0)]
    max_depth: u64,
    /// When it begins, in seconds since 1970 [default: now]
    #[arg(long)]
    at: Option<u64>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<(), Failure> {
    let authority = keys::read(&args.home.join("keys/authority.jwk")).map_err(Failure::new)?;
    let bundle = house::bundle(&args.home)?;
    let (iss, kid) = issuer(&bundle, &authority)?;
    let holder = keys::read(&args.cnf).map_err(Failure::new)?;
    let begins = args.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new);
    let root = Root {
        iss,
        txn: fresh_name()?,
        ini: None,
        pol: None,
        dec: None,
        attr: None,
        grant: Grant {
            sub: args.sub.clone(),
            cnf: *holder.public_key(),
            aud: vec![args.aud.clone().unwrap_or_else(|| bundle.audience().to_owned())],
            jti: fresh_name()?,
            iat: begins,
            nbf: begins,
            exp: begins.plus(args.lifetime),
            max_depth: args.max_depth,
            use_max: args.uses,
            env: Vec::new(),
            att: None,
            details: vec![Detail {
                hosts: args.hosts.clone(),
                methods: args.methods.clone(),
                paths: args.paths.clone(),
                actions: None,
                args: Vec::new(),
            }],
        },
    };
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

/// As policies write it: a whole number and s, m or h.
fn duration(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no duration: write a whole number and s, m or h, such as 60s");
    let (number, seconds) = match text.char_indices().next_back() {
        Some((end, 's')) => (text.get(..end), 1),
        Some((end, 'm')) => (text.get(..end), 60),
        Some((end, 'h')) => (text.get(..end), 3600),
        Some(_) | None => (None, 0),
    };
    let number: u64 = number.and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}
