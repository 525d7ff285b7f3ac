//! `portcullis warrant delegate`: a narrower child, offline. What is not named stays as the parent has it.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::mint::{Delegation, Grant};
use warrant::{Claims, PresentedWarrant, Seconds};

use super::grant::{DEFAULT_LIFETIME, Terms, fresh_name};
use super::narrow::{narrowed, strings};
use super::scope::Scope;
use super::value_or_file;
use crate::cli::out::{Failure, line};
use crate::keys;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The parent as it was given, or @FILE
    #[arg(long)]
    warrant: String,
    /// The key file of the parent's holder
    #[arg(long)]
    key: PathBuf,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    scope: Scope,
    /// Narrows the meshes; may be given several times
    #[arg(long = "aud")]
    meshes: Vec<String>,
    /// How deep the lineage may get [default: no deeper than this child]
    #[arg(long)]
    max_depth: Option<u64>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<(), Failure> {
    let key = keys::read(&args.key).map_err(Failure::new)?;
    let child = keys::read_one_public(&args.terms.cnf).map_err(Failure::new)?;
    let header = value_or_file(&args.warrant)?;
    let malformed = || match PresentedWarrant::first_fault(header.as_bytes()) {
        Some(fault) => Failure::new(format!("the parent is malformed: link {}: {}", fault.link, fault.what)),
        None => Failure::new("the parent is malformed"),
    };
    let parent = PresentedWarrant::parse(header.as_bytes()).map_err(|_| malformed())?;
    let holders = parent.unverified_claims().map_err(|_| malformed())?;
    let holder = holders.last().ok_or_else(malformed)?;
    let (begins, ends) = window(holder, &args.terms)?;
    let mut env: Vec<(String, Vec<String>)> = holder
        .env()
        .dimensions()
        .map(|(dimension, values)| (dimension.to_owned(), strings(values)))
        .collect();
    for (dimension, values) in args.terms.environment() {
        env.retain(|(known, _)| *known != dimension);
        env.push((dimension, values));
    }
    let grant = Grant {
        sub: args.terms.sub.clone(),
        cnf: child,
        aud: if args.meshes.is_empty() { strings(holder.aud()) } else { args.meshes.clone() },
        jti: fresh_name()?,
        iat: begins.max(holder.times().iat),
        nbf: begins,
        exp: ends,
        max_depth: args.max_depth.unwrap_or(holder.depth().saturating_add(1)),
        use_max: args.terms.uses.or(holder.use_max()),
        env,
        att: args.terms.measurements().or_else(|| holder.att().map(strings)),
        details: narrowed(holder, &args.scope)?,
    };
    line(Delegation { grant }.sign(&parent, &key).map_err(Failure::new)?)
}

/// Within the parent's: what was asked for is refused where it is wider, and what was not asked for ends with it.
fn window(holder: &Claims, terms: &Terms) -> Result<(Seconds, Seconds), Failure> {
    let parents = holder.times();
    let begins = terms.begins();
    if begins >= parents.exp {
        let ago = begins.get().saturating_sub(parents.exp.get());
        return Err(Failure::new(format!("the parent has expired ({ago} s before); ask for a new one")));
    }
    if terms.at.is_some() && begins < parents.nbf {
        let early = parents.nbf.get().saturating_sub(begins.get());
        return Err(Failure::new(format!(
            "`time` would be wider than the parent's, which begins {early} s later"
        )));
    }
    let begins = begins.max(parents.nbf);
    let left = parents.exp.get().saturating_sub(begins.get());
    match terms.lifetime {
        Some(asked) if asked > left => {
            Err(Failure::new(format!("`time` would be wider than the parent's, which has {left} s left")))
        }
        Some(asked) => Ok((begins, begins.plus(asked))),
        None => Ok((begins, begins.plus(DEFAULT_LIFETIME).min(parents.exp))),
    }
}
