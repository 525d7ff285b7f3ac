//! Going on after the ledger's disk was brought back from a backup.
//!
//! What the old log acknowledged after the backup is not known, and proxies and auditors hold checkpoints of it: so the old
//! name must not go on. A new log begins, whose first entry names the old one as far as it came back; nothing is allowed
//! until an operator says that what may be missing was put right. The old folder stays beside the new one.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::entry::{FactScope, Posture, PostureChange, Predecessor};
use ledger::{Entry, Ledger, Options, durable};
use tracing::warn;

use crate::clock::Clock;
use crate::config::Config;

/// Puts a new log in the old one's place. The error is one line: what is wrong, where, and what to do.
pub(super) fn begin_anew(config: &Config, clock: &Clock) -> Result<(), String> {
    let (directory, name) = (&config.ledger.directory, &config.audience);
    let options = super::ledger_options(&config.ledger.key, clock)?;
    was_not_begun_anew(directory)?;
    let old = Ledger::inspect(directory).map_err(|e| {
        format!(
            "{e}; what came back is not whole in itself, so bring back another backup, or all of this one"
        )
    })?;
    let origin = origin(directory)?;
    let aside = beside(directory, &format!("before-{}", origin.rsplit('/').next().unwrap_or("it")));
    let next = beside(directory, "next");
    let root = STANDARD.encode(old.durable.root);
    let restored = Predecessor { origin: origin.clone(), root, size: old.durable.size };
    Ledger::init_restored(&next, name, &options, restored).map_err(|e| e.to_string())?;
    halt(&next, options)?;
    // A crash between the two leaves no folder of the configured name: the server does not start, and says so.
    let moved = durable::rename(directory, &aside).and_then(|()| durable::rename(&next, directory));
    moved.map_err(|e| format!("cannot move {} to {}: {e}", directory.display(), aside.display()))?;
    warn!(
        old = origin,
        entries = old.durable.size,
        kept = %aside.display(),
        "a new log begins, and all is halted: put right what the backup lacks, then `portcullis ledger reassert`; \
         the bundle must name the new origin before anything is allowed once"
    );
    Ok(())
}

/// Begun once for one backup: every further start goes on with the new log.
fn was_not_begun_anew(directory: &Path) -> Result<(), String> {
    let mut records = Ledger::entries(directory, 0).map_err(|e| e.to_string())?;
    let first = records.next().transpose().map_err(|e| e.to_string())?.map(|record| record.entry);
    let begun = matches!(first, Some(Entry::Init(init)) if init.restored.is_some());
    if begun && records.size() < 8 {
        return Err(format!("{} began anew already: start without --restored", directory.display()));
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
        reason: "the ledger was brought back from a backup".to_owned(),
        scope: FactScope::Mesh,
        stance: Posture::Halted,
        subject: String::new(),
    };
    let halted = ledger.append(posture.into());
    ledger.close();
    halted.map(drop).map_err(|e| e.to_string())
}

fn beside(directory: &Path, ending: &str) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}
