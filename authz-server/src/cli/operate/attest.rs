//! `portcullis attest`: signs a statement with an attestor's key and brings it to a server; or brings one that was signed
//! elsewhere.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value as Json, json};
use warrant::Digest;

use super::call::shown;
use super::wait::FactCall;
use crate::authority::statements::{
    ConditionClaims, Confirmation, DebugStatus, Status, WorkloadClaims, sign_condition, sign_workload,
};
use crate::cli::out::{ExitStatus, Failure};
use crate::cli::values::duration;
use crate::clock::Clock;
use crate::keys::{self, PrivateKey};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Say what runs in a workload
    Workload(WorkloadArgs),
    /// Say how an environment or the mesh is
    Condition(ConditionArgs),
    /// Bring a statement that was signed elsewhere
    Statement(StatementArgs),
}

/// Who says it, to which mesh, and for how long.
#[derive(Debug, ClapArgs)]
struct Speaker {
    /// The name of the attestor, as the bundle has it
    #[arg(long)]
    iss: String,
    /// The attestor's key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The name of the key in the bundle. Without it: the one in the key's file
    #[arg(long)]
    kid: Option<String>,
    /// The name of the mesh: the bundle's `audience`
    #[arg(long)]
    mesh: String,
    /// For how long it is valid
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, default_value = "10m")]
    lifetime: u64,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct WorkloadArgs {
    /// The workload's SPIFFE ID
    workload: String,
    #[command(flatten)]
    speaker: Speaker,
    /// A digest of what runs, as sha256:HEX. May be given several times
    #[arg(long, value_name = "DIGEST", required_unless_present = "negative")]
    measurement: Vec<String>,
    /// The thumbprint of the key of the workload's certificate. Without it the statement is about all of its keys
    #[arg(long, value_name = "THUMBPRINT")]
    about_key: Option<String>,
    /// Say that it must not be relied on
    #[arg(long)]
    negative: bool,
    /// Say that it can be debugged
    #[arg(long)]
    debuggable: bool,
    #[command(flatten)]
    call: FactCall,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ConditionArgs {
    /// The name of the condition
    name: String,
    /// Its value
    value: String,
    #[command(flatten)]
    speaker: Speaker,
    /// Where: `mesh`, or an environment as `dimension=value`
    #[arg(long, default_value = "mesh")]
    scope: String,
    #[command(flatten)]
    call: FactCall,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct StatementArgs {
    /// What it is about
    #[arg(value_parser = ["workload", "condition"])]
    kind: String,
    /// A file with the statement
    file: PathBuf,
    #[command(flatten)]
    call: FactCall,
}

const ATTESTATIONS: &str = "/v1/attestations";
const CONDITIONS: &str = "/v1/conditions";

pub(in crate::cli) fn run(command: &Command) -> Result<ExitStatus, Failure> {
    match command {
        Command::Workload(args) => bring(&args.call, ATTESTATIONS, &args.signed()?),
        Command::Condition(args) => bring(&args.call, CONDITIONS, &args.signed()?),
        Command::Statement(args) => {
            let read = std::fs::read_to_string(&args.file);
            let statement = read
                .map_err(|error| Failure::new(format!("{}: cannot be read: {error}", args.file.display())))?;
            let path = if args.kind == "workload" { ATTESTATIONS } else { CONDITIONS };
            bring(&args.call, path, statement.trim())
        }
    }
}

fn bring(call: &FactCall, path: &str, statement: &str) -> Result<ExitStatus, Failure> {
    let answer = call.server.post(path, &json!({"statement": statement}))?;
    call.tell(answer, |entry| {
        let again = if entry.get("repeats") == Some(&Json::Bool(true)) {
            "was recorded before"
        } else {
            "is recorded"
        };
        format!("entry {}: the statement {again}", shown(entry, "index"))
    })
}

impl Speaker {
    fn key(&self) -> Result<(PrivateKey, String), Failure> {
        let key = keys::read(&self.key).map_err(Failure::new)?;
        let kid = self.kid.clone().or_else(|| key.kid().map(str::to_owned));
        let kid = kid.ok_or_else(|| {
            Failure::new("the key's file names no `kid`: give its name in the bundle with --kid")
        })?;
        Ok((key, kid))
    }

    /// When it is made, and until when it is valid.
    fn times(&self) -> (u64, u64) {
        let now = Clock::of_the_machine().now();
        (now.get(), now.plus(self.lifetime).get())
    }
}

impl WorkloadArgs {
    fn signed(&self) -> Result<String, Failure> {
        let (key, kid) = self.speaker.key()?;
        let (iat, exp) = self.speaker.times();
        let digest = |text: &String| {
            Digest::parse(text).ok_or_else(|| {
                Failure::new(format!("--measurement: {text:?} is not sha256: and 64 hexadecimal digits"))
            })
        };
        let claims = WorkloadClaims {
            iss: self.speaker.iss.clone(),
            sub: self.workload.clone(),
            iat,
            exp,
            aud: self.speaker.mesh.clone(),
            cnf: self.about_key.clone().map(|jkt| Confirmation { jkt }),
            measurement: self.measurement.iter().map(digest).collect::<Result<_, _>>()?,
            dbgstat: Some(if self.debuggable { DebugStatus::Enabled } else { DebugStatus::Disabled }),
            status: if self.negative { Status::Negative } else { Status::Positive },
        };
        sign_workload(&claims, &kid, &key).map_err(Failure::new)
    }
}

impl ConditionArgs {
    fn signed(&self) -> Result<String, Failure> {
        let (key, kid) = self.speaker.key()?;
        let (iat, exp) = self.speaker.times();
        let claims = ConditionClaims {
            iss: self.speaker.iss.clone(),
            iat,
            exp,
            aud: self.speaker.mesh.clone(),
            name: self.name.clone(),
            value: self.value.clone(),
            scope: self.scope.clone(),
        };
        sign_condition(&claims, &kid, &key).map_err(Failure::new)
    }
}
