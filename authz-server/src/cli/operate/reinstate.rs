//! `portcullis reinstate`: ends the revocation of a key or a holder.

use clap::Args as ClapArgs;
use serde_json::json;

use super::call::shown;
use super::wait::FactCall;
use crate::cli::out::{ExitStatus, Failure};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The index of the entry that revoked it, as `portcullis revoke` printed it. A warrant or a lineage stays revoked
    revocation: u64,
    /// Why, for the record
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    call: FactCall,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let body = json!({"revocation": args.revocation, "reason": args.reason});
    let answer = args.call.server.post("/v1/reinstatements", &body)?;
    args.call.tell(answer, |entry| {
        format!("entry {}: the revocation in entry {} has ended", shown(entry, "index"), args.revocation)
    })
}
