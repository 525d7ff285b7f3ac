//! `portcullis warrant verify`: checks offline whether a warrant would be accepted for a request.
//!
//! It runs the checks of the crate `warrant`. It does not check what a route or a policy requires, and it
//! checks a proof only if one is given.

use clap::Args as ClapArgs;
use serde_json::json;
use warrant::{
    Argument, Arguments, AwsLcVerifier, ChainExpectations, Denial, Host, Method, PresentedProof,
    PresentedWarrant, ProofBody, ProofExpectations, RawPath, Revocable, Seconds, Target, Terms, Trust,
};

use super::scope::value;
use super::trust::TrustArgs;
use super::{bytes_or_file, value_or_file};
use crate::cli::out::{ExitStatus, Failure, line};
use crate::cli::values::pair;
use crate::clock::Clock;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The warrant, or @FILE
    warrant: String,
    #[command(flatten)]
    trust: TrustArgs,
    #[arg(long)]
    method: String,
    /// The canonical host
    #[arg(long)]
    host: String,
    /// The raw path, with its query if a proof is checked
    #[arg(long)]
    path: String,
    /// The proof of possession as it was sent, or @FILE
    #[arg(long)]
    proof: Option<String>,
    /// The host in the proof, with its port [default: the canonical host]
    #[arg(long, requires = "proof")]
    authority: Option<String>,
    /// The body that the proof must cover, or @FILE
    #[arg(long, requires = "proof")]
    body: Option<String>,
    /// The action that the route derives [default: the method]
    #[arg(long)]
    action: Option<String>,
    /// An argument that the route reads, as NAME=VALUE; a whole number, true and false have their own types
    #[arg(long = "arg", value_parser = pair)]
    arguments: Vec<(String, String)>,
    /// The server's environment, as DIMENSION=VALUE
    #[arg(long = "env", value_parser = pair)]
    env: Vec<(String, String)>,
    /// Verify as of this time, in seconds since 1970 [default: now]
    #[arg(long)]
    at: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
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
    Ok(if verdict.is_ok() { ExitStatus::Success } else { ExitStatus::Denied })
}

/// The first fault in the form of a malformed warrant.
fn fault(header: &str, denial: Denial) -> Option<String> {
    let fault =
        PresentedWarrant::first_fault(header.as_bytes()).filter(|_| denial == Denial::WarrantMalformed)?;
    Some(format!("link {}: {}", fault.link, fault.what))
}

/// Everything that the verification reads.
struct VerifyInput<'a> {
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
    let (trust, terms) = args.trust.read(header)?;
    let host = Host::parse(&args.host).ok_or_else(|| {
        Failure::new(format!("{:?} is not a canonical host: write it in lower case", args.host))
    })?;
    let method = Method::parse(&args.method)
        .ok_or_else(|| Failure::new(format!("{:?} is not a valid method", args.method)))?;
    let path = match RawPath::parse(args.path.as_bytes()) {
        Ok((path, _)) => path,
        Err(denial) => return Ok(Err(denial)),
    };
    let input = VerifyInput {
        header,
        trust,
        terms,
        target: Target { host, method, path },
        arguments: arguments(args)?,
        proof: args.proof.as_deref().map(value_or_file).transpose()?,
        body: args.body.as_deref().map(bytes_or_file).transpose()?,
        now: args.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new),
    };
    Ok(input.verify(args))
}

impl VerifyInput<'_> {
    /// Runs the checks in the order of the server.
    fn verify(&self, args: &Args) -> Result<(), Denial> {
        let chain = PresentedWarrant::parse(self.header.as_bytes())?.verify(&self.trust, &AwsLcVerifier)?;
        let revoked = |_: &Revocable| false;
        let expect =
            ChainExpectations { now: self.now, terms: &self.terms, revoked: &revoked, target: &self.target };
        let admitted = chain.check(&expect)?;
        admitted.check_call(args.action.as_deref().unwrap_or(&args.method), &self.arguments)?;
        if let Some(proof) = &self.proof {
            let expected = ProofExpectations {
                now: self.now,
                method: &args.method,
                authority: args.authority.as_deref().unwrap_or(&args.host).as_bytes(),
                path_and_query: args.path.as_bytes(),
                warrant_header: self.header.as_bytes(),
                body: self.body.as_deref().map_or(ProofBody::Unknown, ProofBody::Read),
            };
            // A presented chain contains its keys. Only a chain from a record has thumbprints without keys.
            let key = chain.leaf().cnf().key().ok_or(Denial::Internal)?;
            PresentedProof::parse(proof.as_bytes())?.check(key, &AwsLcVerifier, &expected)?;
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
                "{name}={text}: the name or the value is not allowed, or the argument occurs twice"
            )));
        }
    }
    Ok(arguments)
}
