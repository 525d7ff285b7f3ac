//! `portcullis ledger reassert`: ends the halt that a log begins with after its disk was brought back from a backup. Who
//! says so answers for it: revocations and postures that the backup lacks were recorded again, or there were none.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use ledger::Ledger;
use ledger::entry::{FactScope, Posture, PostureChange};
use serde_json::json;

use crate::cli::out::{Done, Failure, line};
use crate::clock::Clock;
use crate::{config, server};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The configuration of the server whose ledger it is; stop that server first
    #[arg(long)]
    config: PathBuf,
    /// Who says so
    #[arg(long)]
    by: String,
    /// What was put right, or how it is known that nothing is missing
    #[arg(long)]
    reason: String,
    /// For machines
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let config = config::load(&args.config).map_err(|faults| Failure::all(&faults))?;
    let options =
        server::ledger_options(&config.ledger.key, &Clock::of_the_machine()).map_err(Failure::new)?;
    let ledger = Ledger::open(&config.ledger.directory, options).map_err(Failure::new)?;
    let posture = PostureChange {
        by: args.by.clone(),
        reason: args.reason.clone(),
        scope: FactScope::Mesh,
        stance: Posture::Normal,
        subject: String::new(),
    };
    let recorded = ledger.append(posture.into());
    ledger.close();
    let index = recorded.map_err(Failure::new)?.index();
    line(if args.json {
        json!({"index": index, "stance": "normal"}).to_string()
    } else {
        format!("entry {index}: the mesh is normal again")
    })?;
    Ok(Done::Well)
}
