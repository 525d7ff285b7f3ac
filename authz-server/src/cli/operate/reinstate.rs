//! `portcullis reinstate`: ends the revocation of a key or a holder.

use clap::Args as ClapArgs;
use serde_json::json;

use super::call::{Server, shown, tell};
use crate::cli::out::{ExitStatus, Failure};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The index of the entry that revoked it, as `portcullis revoke` printed it. A warrant or a lineage stays revoked
    revocation: u64,
    /// Why, for the record
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    server: Server,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let body = json!({"revocation": args.revocation, "reason": args.reason});
    let answer = args.server.post("/v1/reinstatements", &body)?;
    tell(answer, args.server.json, |entry| {
        format!("entry {}: the revocation in entry {} has ended", shown(entry, "index"), args.revocation)
    })
}
