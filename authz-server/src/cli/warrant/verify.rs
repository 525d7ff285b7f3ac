//! `portcullis warrant verify`: would this warrant be accepted for this request? The law's own answer, offline: what a
//! route, a policy or a holder's proof adds is not asked here.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;
use warrant::{
    Argument, Arguments, AwsLcVerifier, Denial, Expect, Host, Method, Presented, RawPath, Revocable, Seconds,
    Target, Value,
};

use super::value_or_file;
use crate::cli::init::house;
use crate::cli::out::{Done, Failure, line};
use crate::cli::values::pair;
use crate::clock::Clock;
use crate::policy::Bundle;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The warrant as it was given, or @FILE
    warrant: String,
    /// A folder that `portcullis init` made: its bundle says which issuers are trusted, and the mesh's terms
    #[arg(long)]
    home: PathBuf,
    #[arg(long)]
    method: String,
    /// The canonical host
    #[arg(long)]
    host: String,
    /// The raw path
    #[arg(long)]
    path: String,
    /// What the route derives as the action [default: the method]
    #[arg(long)]
    action: Option<String>,
    /// An argument that the route reads, as NAME=VALUE; a whole number, true or false is taken as such
    #[arg(long = "arg", value_parser = pair)]
    arguments: Vec<(String, String)>,
    /// Where the server is, as DIMENSION=VALUE
    #[arg(long = "env", value_parser = pair)]
    env: Vec<(String, String)>,
    /// As of this time, in seconds since 1970 [default: now]
    #[arg(long)]
    at: Option<u64>,
    /// For machines
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let header = value_or_file(&args.warrant)?;
    let bundle = house::bundle(&args.home)?;
    let verdict = verdict(args, &header, &bundle)?;
    match (&verdict, args.json) {
        (Ok(()), true) => line(json!({"result": "ok"}))?,
        (Ok(()), false) => line("ok")?,
        (Err(denial), true) => line(json!({
            "result": denial.code(), "status": denial.status(), "meaning": denial.meaning(), "cure": denial.cure(),
            "fault": fault(&header, *denial),
        }))?,
        (Err(denial), false) => {
            line(format!("{}: {}", denial.code(), denial.meaning()))?;
            if let Some(fault) = fault(&header, *denial) {
                line(format!("  {fault}"))?;
            }
            line(format!("  {}", denial.cure()))?;
        }
    }
    Ok(if verdict.is_ok() { Done::Well } else { Done::Denied })
}

/// What is wrong with its form, for whoever made it.
fn fault(header: &str, denial: Denial) -> Option<String> {
    let fault = Presented::fault(header.as_bytes()).filter(|_| denial == Denial::WarrantMalformed)?;
    Some(format!("link {}: {}", fault.link, fault.what))
}

fn verdict(args: &Args, header: &str, bundle: &Bundle) -> Result<Result<(), Denial>, Failure> {
    let host = Host::parse(&args.host).ok_or_else(|| {
        Failure::new(format!("{:?} is no canonical host: write it in lower case", args.host))
    })?;
    let method =
        Method::parse(&args.method).ok_or_else(|| Failure::new(format!("{:?} is no method", args.method)))?;
    let path = match RawPath::parse(args.path.as_bytes()) {
        Ok((path, _)) => path,
        Err(denial) => return Ok(Err(denial)),
    };
    let arguments = arguments(args)?;
    let target = Target { host, method, path };
    let now = args.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new);
    Ok(hold(args, header, bundle, &target, &arguments, now))
}

fn hold(
    args: &Args,
    header: &str,
    bundle: &Bundle,
    target: &Target<'_>,
    arguments: &Arguments,
    now: Seconds,
) -> Result<(), Denial> {
    let chain = Presented::parse(header.as_bytes())?.signed_under(bundle.trust(), &AwsLcVerifier)?;
    let revoked = |_: &Revocable| false;
    let admitted = chain.check(&Expect { now, terms: bundle.terms(), revoked: &revoked, target })?;
    admitted.arguments(args.action.as_deref().unwrap_or(&args.method), arguments)?;
    let value = |dimension: &str| {
        args.env.iter().find(|(name, _)| name == dimension).map(|(_, value)| value.as_str())
    };
    chain.is_in_environment(value)
}

fn arguments(args: &Args) -> Result<Arguments, Failure> {
    let mut arguments = Arguments::new();
    for (name, text) in &args.arguments {
        let value = match text.as_str() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            text => text.parse().map_or_else(|_| Value::String(text.into()), Value::Integer),
        };
        if !arguments.insert(name, Argument::One(value)) {
            return Err(Failure::new(format!(
                "{name}={text}: no argument can be called so, have such a value, or come twice"
            )));
        }
    }
    Ok(arguments)
}
