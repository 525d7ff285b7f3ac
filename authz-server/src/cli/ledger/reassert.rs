//! `portcullis ledger reassert`: ends the halt with which a log begins after it was restored from a backup.
//!
//! The person who runs it declares, under a name, that revocations and postures which the backup lacks were
//! recorded again, or that there were none.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use ledger::Ledger;
use ledger::entry::{FactScope, PostureChange};
use serde_json::json;

use crate::cli::out::{ExitStatus, Failure, line};
use crate::clock::Clock;
use crate::{config, facts, server};

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
    let (folded, _) = facts::fold(ledger).map_err(Failure::new)?;
    let Some(begun) = folded.own.after_restore.filter(|begun| begun.is_complete) else {
        return Err(Failure::new(
            "this log does not begin after a restore, or not all facts of the old log are in it: only \
             `portcullis serve --restored` makes such a log whole",
        ));
    };
    // A posture that is normal again is forgotten after a day, a halt is not.
    let Some(newest) = folded.tables.postures.newest(FactScope::Mesh, "") else {
        return Err(Failure::new("the halt of the restore has ended"));
    };
    if newest.fact.by != server::BY_RESTORE {
        return Err(Failure::new(format!(
            "the posture of the mesh was set by {} in entry {}, after the halt of the restore: change it with \
             `portcullis halt`, `restrict` or `resume`",
            newest.fact.by, newest.index
        )));
    }
    Ok(PostureChange {
        bundle: None,
        by: args.by.clone(),
        reason: args.reason.clone(),
        replaces: Some(newest.index),
        scope: FactScope::Mesh,
        stance: begun.stance_before,
        subject: String::new(),
        was: None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ledger::entry::{Posture, Predecessor, Restored, Revocation, RevocationTarget};
    use ledger::{Options, SigningKey};

    use super::*;
    use crate::facts::examples::{posture, revocation};

    fn options() -> Options {
        let key = SigningKey::from_seed(&[9; 32]).unwrap();
        Options::new(key, Arc::new(|| 1_795_230_579_000), "test").segment_bytes(0)
    }

    fn args() -> Args {
        let text = || "op".to_owned();
        Args { config: PathBuf::new(), by: text(), reason: text(), json: false }
    }

    #[test]
    fn the_halt_of_a_restore_ends_also_after_the_first_entries_are_archived_and_the_posture_of_before_holds_again()
     {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        let (origin, root) = ("demo/log/1".to_owned(), String::new());
        let predecessor = Predecessor { continued: vec![], origin, root, size: 9 };
        Ledger::init_restored(&path, "demo", &options(), predecessor).unwrap();
        let ledger = Ledger::open(&path, options()).unwrap();
        let of_before = PostureChange { was: Some(4), ..posture(Posture::Restricted, None) };
        ledger.append(of_before.into()).unwrap();
        let halt = PostureChange { by: server::BY_RESTORE.to_owned(), ..posture(Posture::Halted, None) };
        let halt = ledger.append(halt.into()).unwrap();
        for n in 0..300 {
            let revoked = revocation(RevocationTarget::Key, &n.to_string(), None);
            ledger.append(Revocation { was: Some(n), ..revoked }.into()).unwrap();
        }
        assert!(end_of_halt(&ledger, &args()).is_err(), "not all facts of the log before are recorded again");
        ledger.append(Restored { facts: 301 }.into()).unwrap();
        ledger.publish().unwrap();
        let (facts, _) = facts::fold(&ledger).unwrap();
        let saved = ledger.save_snapshot(facts.own.as_of, |to| facts::snapshot::write(to, &facts)).unwrap();
        assert_eq!(ledger.archive(256, &directory.path().join("archive"), &saved).unwrap(), 1);
        let change = end_of_halt(&ledger, &args()).unwrap();
        assert_eq!((change.stance, change.replaces), (Posture::Restricted, Some(halt.index())));
        ledger.append(change.into()).unwrap();
        assert!(end_of_halt(&ledger, &args()).is_err(), "the halt has ended");
    }
}
