//! `portcullis warrant verify`: would this warrant be accepted for this request? The law's own answer, offline: what a
//! route or a policy adds is not asked here, and a proof only where there is one.

use clap::Args as ClapArgs;
use serde_json::json;
use warrant::{
    Argument, Arguments, AwsLcVerifier, ChainExpectations, Denial, Host, Method, PresentedProof,
    PresentedWarrant, ProofExpectations, RawPath, Revocable, Seconds, Target, Terms, Trust,
};

use super::scope::value;
use super::trusted::Trusted;
use super::{bytes_or_file, value_or_file};
use crate::cli::out::{Done, Failure, line};
use crate::cli::values::pair;
use crate::clock::Clock;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The warrant as it was given, or @FILE
    warrant: String,
    #[command(flatten)]
    trusted: Trusted,
    #[arg(long)]
    method: String,
    /// The canonical host
    #[arg(long)]
    host: String,
    /// The raw path, with its query where a proof is checked
    #[arg(long)]
    path: String,
    /// The proof of possession as it was sent, or @FILE
    #[arg(long)]
    proof: Option<String>,
    /// The host as the proof has it, port included [default: the canonical host]
    #[arg(long, requires = "proof")]
    authority: Option<String>,
    /// The body that the proof must cover, or @FILE
    #[arg(long, requires = "proof")]
    body: Option<String>,
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
    let verdict = verdict(args, &header)?;
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
    let fault =
        PresentedWarrant::first_fault(header.as_bytes()).filter(|_| denial == Denial::WarrantMalformed)?;
    Some(format!("link {}: {}", fault.link, fault.what))
}

/// All that was read before anything is asked.
struct Asked<'a> {
    header: &'a str,
    trust: Trust,
    terms: Terms,
    target: Target<'a>,
    arguments: Arguments,
    proof: Option<String>,
    body: Option<Vec<u8>>,
    now: Seconds,
}

fn verdict(args: &Args, header: &str) -> Result<Result<(), Denial>, Failure> {
    let (trust, terms) = args.trusted.read(header)?;
    let host = Host::parse(&args.host).ok_or_else(|| {
        Failure::new(format!("{:?} is no canonical host: write it in lower case", args.host))
    })?;
    let method =
        Method::parse(&args.method).ok_or_else(|| Failure::new(format!("{:?} is no method", args.method)))?;
    let path = match RawPath::parse(args.path.as_bytes()) {
        Ok((path, _)) => path,
        Err(denial) => return Ok(Err(denial)),
    };
    let asked = Asked {
        header,
        trust,
        terms,
        target: Target { host, method, path },
        arguments: arguments(args)?,
        proof: args.proof.as_deref().map(value_or_file).transpose()?,
        body: args.body.as_deref().map(bytes_or_file).transpose()?,
        now: args.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new),
    };
    Ok(asked.holds(args))
}

impl Asked<'_> {
    /// In the order in which a server asks.
    fn holds(&self, args: &Args) -> Result<(), Denial> {
        let chain = PresentedWarrant::parse(self.header.as_bytes())?.verify(&self.trust, &AwsLcVerifier)?;
        let revoked = |_: &Revocable| false;
        let expect =
            ChainExpectations { now: self.now, terms: &self.terms, revoked: &revoked, target: &self.target };
        let admitted = chain.check(&expect)?;
        admitted.check_call(args.action.as_deref().unwrap_or(&args.method), &self.arguments)?;
        if let Some(proof) = &self.proof {
            let of = ProofExpectations {
                now: self.now,
                method: &args.method,
                authority: args.authority.as_deref().unwrap_or(&args.host).as_bytes(),
                path_and_query: args.path.as_bytes(),
                warrant_header: self.header.as_bytes(),
                body: self.body.as_deref(),
            };
            // A chain that was presented has its keys; only one that was recalled from a record names them.
            let key = chain.leaf().cnf().key().ok_or(Denial::Internal)?;
            PresentedProof::parse(proof.as_bytes())?.check(key, &AwsLcVerifier, &of)?;
        }
        let value = |dimension: &str| {
            args.env.iter().find(|(name, _)| name == dimension).map(|(_, value)| value.as_str())
        };
        chain.check_environment(value)
    }
}

fn arguments(args: &Args) -> Result<Arguments, Failure> {
    let mut arguments = Arguments::new();
    for (name, text) in &args.arguments {
        if !arguments.insert(name, Argument::One(value(text))) {
            return Err(Failure::new(format!(
                "{name}={text}: no argument can be called so, have such a value, or come twice"
            )));
        }
    }
    Ok(arguments)
}
