//! `portcullis warrant delegate`: a narrower child, offline. What is not named stays as the parent has it.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::mint::{Delegation, Detail, Grant, Signer};
use warrant::{Claims, Constraint, Presented};

use super::grant::{Terms, fresh_name};
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
    /// Narrows the hosts; may be given several times, as may methods and paths
    #[arg(long = "host")]
    hosts: Vec<String>,
    #[arg(long = "method")]
    methods: Vec<String>,
    #[arg(long = "path")]
    paths: Vec<String>,
    /// How deep the lineage may get [default: no deeper than this child]
    #[arg(long)]
    max_depth: Option<u64>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<(), Failure> {
    let key = keys::read(&args.key).map_err(Failure::new)?;
    let child = keys::read(&args.terms.cnf).map_err(Failure::new)?;
    let header = value_or_file(&args.warrant)?;
    let malformed = || match Presented::fault(header.as_bytes()) {
        Some(fault) => Failure::new(format!("the parent is malformed: link {}: {}", fault.link, fault.what)),
        None => Failure::new("the parent is malformed"),
    };
    let parent = Presented::parse(header.as_bytes()).map_err(|_| malformed())?;
    let holders = parent.unverified().map_err(|_| malformed())?;
    let holder = holders.last().ok_or_else(malformed)?;
    let begins = args.terms.begins().max(holder.times().nbf);
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
        cnf: *child.public_key(),
        aud: strings(holder.aud()),
        jti: fresh_name()?,
        iat: begins.max(holder.times().iat),
        nbf: begins,
        // Never beyond the parent, which would only be refused.
        exp: begins.plus(args.terms.lifetime).min(holder.exp()),
        max_depth: args.max_depth.unwrap_or(holder.depth().saturating_add(1)),
        use_max: args.terms.uses.or(holder.use_max()),
        env,
        att: holder.att().map(strings),
        details: details(holder, args),
    };
    line(Delegation { grant }.sign(&parent, &key).map_err(Failure::new)?)
}

fn details(holder: &Claims, args: &Args) -> Vec<Detail> {
    let or = |named: &[String], parents: Vec<String>| if named.is_empty() { parents } else { named.to_vec() };
    let narrowed = |detail: &warrant::Detail| Detail {
        hosts: or(&args.hosts, strings(detail.hosts())),
        methods: or(&args.methods, strings(detail.methods())),
        paths: or(&args.paths, detail.paths().iter().map(|path| path.as_str().to_owned()).collect()),
        actions: detail.actions().map(strings),
        args: detail
            .args()
            .map(|(name, bound): (&str, &Constraint)| (name.to_owned(), bound.clone()))
            .collect(),
    };
    holder.details().iter().map(narrowed).collect()
}

fn strings(values: &[Box<str>]) -> Vec<String> {
    values.iter().map(|value| value.to_string()).collect()
}
