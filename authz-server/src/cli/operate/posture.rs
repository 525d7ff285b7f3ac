//! `portcullis halt`, `restrict` and `resume`: how much is allowed, in the mesh, an environment, a route, or for an issuer.

use clap::Args as ClapArgs;
use ledger::entry::{FactScope, Posture};
use serde_json::{Value as Json, json};

use super::call::{Answer, shown, tell};
use super::wait::FactCall;
use crate::cli::out::{ExitStatus, Failure};

#[derive(Debug, ClapArgs)]
#[group(id = "scope", multiple = false)]
struct Scope {
    /// Only on this route
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Only in this environment, as `dimension=value`
    #[arg(long, value_name = "DIMENSION=VALUE")]
    environment: Option<String>,
    /// Only for warrants of this issuer
    #[arg(long, value_name = "ISS")]
    issuer: Option<String>,
}

/// Without a scope it is the whole mesh.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Why, for the record
    #[arg(long)]
    reason: String,
    /// The entry that this one replaces; needed where it allows more than before. Without it: the newest there is now
    #[arg(long, value_name = "INDEX")]
    replaces: Option<u64>,
    #[command(flatten)]
    call: FactCall,
}

/// `stance`: the posture to set.
pub(in crate::cli) fn run(args: &Args, stance: Posture) -> Result<ExitStatus, Failure> {
    let (scope, subject) = args.scope.named();
    let newest = match args.replaces {
        Some(index) => Some(index),
        None if stance == Posture::Halted => None,
        None => match args.call.server.get("/v1/posture")? {
            Answer::Done(postures) => newest(&postures, scope, subject),
            refused @ Answer::Refused { .. } => return tell(refused, args.call.server.json, Json::to_string),
        },
    };
    let mut body = json!({"scope": scope.word(), "stance": stance.word(), "reason": args.reason});
    if let Some(members) = body.as_object_mut() {
        members.extend(subject.map(|subject| ("subject".to_owned(), json!(subject))));
        members.extend(newest.map(|index| ("replaces".to_owned(), json!(index))));
    }
    let answer = args.call.server.put("/v1/posture", &body)?;
    args.call.tell(answer, |entry| {
        let place = match subject {
            None => "the mesh".to_owned(),
            Some(subject) => format!("{} {subject}", scope.word()),
        };
        format!("entry {}: the posture of {place} is {}", shown(entry, "index"), stance.word())
    })
}

impl Scope {
    fn named(&self) -> (FactScope, Option<&str>) {
        match (&self.route, &self.environment, &self.issuer) {
            (Some(route), _, _) => (FactScope::Route, Some(route)),
            (None, Some(environment), _) => (FactScope::Environment, Some(environment)),
            (None, None, Some(issuer)) => (FactScope::Issuer, Some(issuer)),
            (None, None, None) => (FactScope::Mesh, None),
        }
    }
}

fn newest(postures: &Json, scope: FactScope, subject: Option<&str>) -> Option<u64> {
    let is_of = |posture: &&Json| {
        posture["scope"] == scope.word()
            && posture["subject"].as_str().unwrap_or_default() == subject.unwrap_or_default()
    };
    postures["postures"].as_array()?.iter().find(is_of)?["index"].as_u64()
}
