//! Begins a new log after the ledger's disk was restored from a backup.
//!
//! What the old log acknowledged after the backup is not known, and proxies and auditors hold checkpoints of it, so
//! its name must not be used again. The first entry of the new log names the old log and the size that was restored.
//! Nothing is allowed until an operator confirms that the missing facts were recorded again. The old directory is
//! kept under another name.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::entry::{FactScope, Posture, PostureChange, Predecessor};
use ledger::{Entry, Ledger, Options, durable};
use tracing::warn;

use crate::clock::Clock;
use crate::config::Config;

/// Puts a new log in the place of the old one. The error is one line: what is wrong, where, and what to do.
pub(super) fn begin_new_log(config: &Config, clock: &Clock) -> Result<(), String> {
    let (directory, name) = (&config.ledger.directory, &config.audience);
    let options = super::ledger_options(&config.ledger.key, clock)?;
    check_not_restored_yet(directory)?;
    let old = Ledger::inspect(directory)
        .map_err(|e| format!("{e}; the restored backup is incomplete: restore all of it, or another one"))?;
    let origin = origin(directory)?;
    let aside = sibling(directory, &format!("before-{}", origin.rsplit('/').next().unwrap_or("it")));
    let next = sibling(directory, "next");
    let root = STANDARD.encode(old.durable.root);
    let restored = Predecessor { origin: origin.clone(), root, size: old.durable.size };
    Ledger::init_restored(&next, name, &options, restored).map_err(|e| e.to_string())?;
    halt(&next, options)?;
    // A crash between the two renames leaves no directory of the configured name: the server does not start, and says
    // why.
    let moved = durable::rename(directory, &aside).and_then(|()| durable::rename(&next, directory));
    moved.map_err(|e| format!("cannot move {} to {}: {e}", directory.display(), aside.display()))?;
    warn!(
        old = origin,
        entries = old.durable.size,
        kept = %aside.display(),
        "a new log begins, and the mesh is halted: record again what the backup lacks, then run `portcullis ledger reassert`; \
         warrants with a use limit, and proofs, are denied until the bundle names the new origin"
    );
    Ok(())
}

/// Checks that the log was not begun for this backup already: every later start must continue the new log.
fn check_not_restored_yet(directory: &Path) -> Result<(), String> {
    let mut records = Ledger::entries(directory, 0).map_err(|e| e.to_string())?;
    let first = records.next().transpose().map_err(|e| e.to_string())?.map(|record| record.entry);
    let begun = matches!(first, Some(Entry::Init(init)) if init.restored.is_some());
    if begun && records.size() < 8 {
        return Err(format!(
            "{} is already a new log after a restore: start without --restored",
            directory.display()
        ));
    }
    Ok(())
}

fn origin(directory: &Path) -> Result<String, String> {
    let file = directory.join("log.vkey");
    let line = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let key: ledger::VerifyingKey = line.parse().map_err(|fault| format!("{}: {fault}", file.display()))?;
    Ok(key.name().to_owned())
}

fn halt(directory: &Path, options: Options) -> Result<(), String> {
    let ledger = Ledger::open(directory, options).map_err(|e| e.to_string())?;
    let posture = PostureChange {
        by: "serve --restored".to_owned(),
        reason: "the ledger was restored from a backup".to_owned(),
        scope: FactScope::Mesh,
        stance: Posture::Halted,
        subject: String::new(),
    };
    let halted = ledger.append(posture.into());
    ledger.close();
    halted.map(drop).map_err(|e| e.to_string())
}

fn sibling(directory: &Path, ending: &str) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}
