//! `portcullis warrant delegate`: mints a narrower child offline. A limit that is not given is the parent's.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::mint::{Delegation, Grant};
use warrant::{Claims, PresentedWarrant, Seconds};

use super::grant::{DEFAULT_LIFETIME, GrantArgs, fresh_name};
use super::narrow::{narrowed, strings};
use super::scope::ScopeArgs;
use super::value_or_file;
use crate::cli::out::{Failure, line};
use crate::keys;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The parent warrant, or @FILE
    #[arg(long)]
    warrant: String,
    /// The key file of the parent's holder
    #[arg(long)]
    key: PathBuf,
    #[command(flatten)]
    grant_args: GrantArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    /// The meshes of the child, some of the parent's; may be given several times
    #[arg(long = "aud")]
    meshes: Vec<String>,
    /// The maximum depth of the lineage [default: the depth of this child]
    #[arg(long)]
    max_depth: Option<u64>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<(), Failure> {
    let key = keys::read(&args.key).map_err(Failure::new)?;
    let child = keys::read_one_public(&args.grant_args.cnf).map_err(Failure::new)?.key;
    let header = value_or_file(&args.warrant)?;
    let malformed = || match PresentedWarrant::first_fault(header.as_bytes()) {
        Some(fault) => Failure::new(format!("the parent is malformed: link {}: {}", fault.link, fault.what)),
        None => Failure::new("the parent is malformed"),
    };
    let parent = PresentedWarrant::parse(header.as_bytes()).map_err(|_| malformed())?;
    let holders = parent.unverified_claims().map_err(|_| malformed())?;
    let holder = holders.last().ok_or_else(malformed)?;
    let (begins, ends) = window(holder, &args.grant_args)?;
    let mut env: Vec<(String, Vec<String>)> = holder
        .env()
        .dimensions()
        .map(|(dimension, values)| (dimension.to_owned(), strings(values)))
        .collect();
    for (dimension, values) in args.grant_args.environment() {
        env.retain(|(known, _)| *known != dimension);
        env.push((dimension, values));
    }
    let grant = Grant {
        sub: args.grant_args.sub.clone(),
        cnf: child,
        aud: if args.meshes.is_empty() { strings(holder.aud()) } else { args.meshes.clone() },
        jti: fresh_name()?,
        iat: begins.max(holder.times().iat),
        nbf: begins,
        exp: ends,
        max_depth: args.max_depth.unwrap_or(holder.depth().saturating_add(1)),
        use_max: args.grant_args.uses.or(holder.use_max()),
        env,
        att: args.grant_args.measurements().or_else(|| holder.att().map(strings)),
        details: narrowed(holder, &args.scope)?,
    };
    line(Delegation { grant }.sign(&parent, &key).map_err(Failure::new)?)
}

/// The child's validity, inside the parent's. A lifetime that was asked for and is longer is refused; the
/// default ends with the parent.
fn window(holder: &Claims, terms: &GrantArgs) -> Result<(Seconds, Seconds), Failure> {
    let parents = holder.times();
    let begins = terms.begins();
    if begins >= parents.exp {
        let ago = begins.get().saturating_sub(parents.exp.get());
        return Err(Failure::new(format!("the parent has expired ({ago} s ago): ask for a new one")));
    }
    if terms.at.is_some() && begins < parents.nbf {
        let early = parents.nbf.get().saturating_sub(begins.get());
        return Err(Failure::new(format!(
            "the child would begin {early} s before its parent; choose a later --at"
        )));
    }
    let begins = begins.max(parents.nbf);
    let left = parents.exp.get().saturating_sub(begins.get());
    match terms.lifetime {
        Some(asked) if asked > left => Err(Failure::new(format!(
            "the child would be valid longer than its parent; use --lifetime {left}s or less"
        ))),
        Some(asked) => Ok((begins, begins.plus(asked))),
        None => Ok((begins, begins.plus(DEFAULT_LIFETIME).min(parents.exp))),
    }
}
