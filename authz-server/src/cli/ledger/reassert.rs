//! `portcullis ledger reassert`: ends the halt with which a log begins after it was restored from a backup.
//!
//! The person who runs it declares, under a name, that revocations and postures which the backup lacks were
//! recorded again, or that there were none.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use ledger::entry::{FactScope, Posture, PostureChange};
use ledger::{Entry, Ledger};
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
    let recorded = end_of_halt(&ledger, args).and_then(|change| {
        let stance = change.stance;
        ledger.append(change.into()).map(|receipt| (receipt.index(), stance)).map_err(Failure::new)
    });
    ledger.close();
    let (index, stance) = recorded?;
    let stance = stance.word();
    line(if args.json {
        json!({"index": index, "stance": stance}).to_string()
    } else {
        format!("entry {index}: the posture of the mesh is {stance} again")
    })?;
    Ok(ExitStatus::Success)
}

/// The entry that ends the halt with which the log began. The posture is again that of the log before.
fn end_of_halt(ledger: &Ledger, args: &Args) -> Result<PostureChange, Failure> {
    let (mut before, mut newest, mut is_complete) = (Posture::Normal, None, false);
    for record in ledger.read(0).map_err(Failure::new)? {
        let record = record.map_err(Failure::new)?;
        is_complete |= matches!(record.entry, Entry::Restored(_));
        let Entry::Posture(change) = record.entry else { continue };
        match (change.scope, change.was) {
            (FactScope::Mesh, Some(_)) => before = change.stance,
            (FactScope::Mesh, None) => newest = Some((record.index, change.by)),
            (FactScope::Route | FactScope::Environment | FactScope::Issuer, _) => {}
        }
    }
    if !is_complete {
        return Err(Failure::new(
            "this log does not begin after a restore, or not all facts of the old log are in it: only \
             `portcullis serve --restored` makes such a log whole",
        ));
    }
    if let Some((index, by)) = newest.as_ref().filter(|(_, by)| by != server::BY_RESTORE) {
        return Err(Failure::new(format!(
            "the posture of the mesh was set by {by} in entry {index}, after the halt of the restore: change it with \
             `portcullis halt`, `restrict` or `resume`"
        )));
    }
    Ok(PostureChange {
        bundle: None,
        by: args.by.clone(),
        reason: args.reason.clone(),
        replaces: newest.map(|(index, _)| index),
        scope: FactScope::Mesh,
        stance: before,
        subject: String::new(),
        was: None,
    })
}
