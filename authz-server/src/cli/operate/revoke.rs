//! `portcullis revoke`: from now on nothing under this name is allowed.

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;

use super::call::shown;
use super::wait::FactCall;
use crate::cli::out::{ExitStatus, Failure};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// What the value is
    what: What,
    /// The joined `jti`s of a warrant, a lineage's `txn`, a key's thumbprint, or a holder's `sub`
    value: String,
    /// The issuer of the warrant: for `path` and `txn`
    #[arg(long)]
    iss: Option<String>,
    /// Why, for the record
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    call: FactCall,
}

/// The kinds of revocations.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum What {
    /// A warrant and all delegated from it
    Path,
    /// A whole lineage
    Txn,
    /// A key, of a holder or of the authority
    Key,
    /// A holder, by name
    Sub,
}

impl What {
    pub(super) const fn word(self) -> &'static str {
        match self {
            What::Path => "path",
            What::Txn => "txn",
            What::Key => "key",
            What::Sub => "sub",
        }
    }
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let what = args.what.word();
    let mut body = json!({"what": what, "value": args.value, "reason": args.reason});
    if let (Some(iss), Some(body)) = (&args.iss, body.as_object_mut()) {
        body.insert("iss".to_owned(), json!(iss));
    }
    let answer = args.call.server.post("/v1/revocations", &body)?;
    args.call.tell(answer, |entry| {
        format!(
            "entry {}: {what} {} is revoked (the log has {} entries)",
            shown(entry, "index"),
            args.value,
            shown(entry, "seq")
        )
    })
}
