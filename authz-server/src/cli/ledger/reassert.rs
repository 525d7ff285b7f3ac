//! `portcullis ledger reassert`: ends the halt with which a log begins after it was restored from a backup.
//!
//! The person who runs it declares, under a name, that revocations and postures which the backup lacks were
//! recorded again, or that there were none.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use ledger::Ledger;
use ledger::entry::{FactScope, Posture, PostureChange};
use serde_json::json;

use crate::cli::out::{ExitStatus, Failure, line};
use crate::clock::Clock;
use crate::{config, server};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The configuration of the server that owns the ledger; stop that server first
    #[arg(long)]
    config: PathBuf,
    /// The name of the person who declares it
    #[arg(long)]
    by: String,
    /// What was recorded again, or how you know that nothing is missing
    #[arg(long)]
    reason: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let config = config::load(&args.config).map_err(|faults| Failure::all(&faults))?;
    let options =
        server::ledger_options(&config.ledger.key, &Clock::of_the_machine()).map_err(Failure::new)?;
    let ledger = Ledger::open(&config.ledger.directory, options).map_err(Failure::new)?;
    let posture = PostureChange {
        bundle: None,
        by: args.by.clone(),
        reason: args.reason.clone(),
        replaces: None,
        scope: FactScope::Mesh,
        stance: Posture::Normal,
        subject: String::new(),
        was: None,
    };
    let recorded = ledger.append(posture.into());
    ledger.close();
    let index = recorded.map_err(Failure::new)?.index();
    line(if args.json {
        json!({"index": index, "stance": "normal"}).to_string()
    } else {
        format!("entry {index}: the posture of the mesh is normal again")
    })?;
    Ok(ExitStatus::Success)
}
