//! Begins a new log after the ledger's disk was restored from a backup.
//!
//! What the old log acknowledged after the backup is not known, and proxies and auditors hold checkpoints of it, so
//! its name must not be used again. The first entry of the new log names the old log and the size that was restored.
//! Nothing is allowed until an operator confirms that the missing facts were recorded again. The old directory is
//! kept under another name.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::entry::{FactScope, Posture, PostureChange, Predecessor};
use ledger::{Entry, InitError, Ledger, OpenError, Options, ReadError, RecordError, durable};
use tracing::warn;

use super::error::ServerError;
use crate::clock::Clock;
use crate::config::Config;

/// Why a new log cannot begin in the place of a restored one.
#[derive(Debug)]
pub enum RestoreError {
    /// The backup does not hold a whole ledger.
    Incomplete(OpenError),
    Unreadable(ReadError),
    /// The log's public key cannot be read.
    LogKey {
        file: PathBuf,
        what: String,
    },
    /// A new log was begun for this backup before.
    AlreadyBegun(PathBuf),
    NewLog(InitError),
    NotHalted(RecordError),
    NotMoved {
        from: PathBuf,
        to: PathBuf,
        error: io::Error,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Incomplete(error) => {
                write!(
                    f,
                    "{error}; the restored backup is incomplete: restore the whole backup, or use another backup"
                )
            }
            RestoreError::Unreadable(error) => error.fmt(f),
            RestoreError::LogKey { file, what } => write!(f, "{}: {what}", file.display()),
            RestoreError::AlreadyBegun(directory) => write!(
                f,
                "{} is already a new log after a restore: start without --restored",
                directory.display()
            ),
            RestoreError::NewLog(error) => error.fmt(f),
            RestoreError::NotHalted(error) => error.fmt(f),
            RestoreError::NotMoved { from, to, error } => {
                write!(f, "cannot move {} to {}: {error}", from.display(), to.display())
            }
        }
    }
}

impl std::error::Error for RestoreError {}

/// Puts a new log in the place of the old one. The error is one line: what is wrong, where, and what to do.
pub(super) fn begin_new_log(config: &Config, clock: &Clock) -> Result<(), ServerError> {
    let (directory, name) = (&config.ledger.directory, &config.audience);
    let options = super::ledger_options(&config.ledger.key, clock)?;
    check_not_restored_yet(directory)?;
    let old = Ledger::inspect(directory).map_err(RestoreError::Incomplete)?;
    let origin = origin(directory)?;
    let aside = sibling(directory, &format!("before-{}", origin.rsplit('/').next().unwrap_or("it")));
    let next = sibling(directory, "next");
    let root = STANDARD.encode(old.durable.root);
    let restored = Predecessor { origin: origin.clone(), root, size: old.durable.size };
    Ledger::init_restored(&next, name, &options, restored).map_err(RestoreError::NewLog)?;
    halt(&next, options)?;
    // A crash between the two renames leaves no directory of the configured name: the server does not start, and says
    // why.
    let moved = durable::rename(directory, &aside).and_then(|()| durable::rename(&next, directory));
    moved.map_err(|error| RestoreError::NotMoved { from: directory.clone(), to: aside.clone(), error })?;
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
fn check_not_restored_yet(directory: &Path) -> Result<(), RestoreError> {
    let mut records = Ledger::entries(directory, 0).map_err(RestoreError::Unreadable)?;
    let first = records.next().transpose().map_err(RestoreError::Unreadable)?.map(|record| record.entry);
    let begun = matches!(first, Some(Entry::Init(init)) if init.restored.is_some());
    if begun && records.size() < 8 {
        return Err(RestoreError::AlreadyBegun(directory.to_owned()));
    }
    Ok(())
}

fn origin(directory: &Path) -> Result<String, RestoreError> {
    let file = directory.join("log.vkey");
    let fault = |what: String| RestoreError::LogKey { file: file.clone(), what };
    let line = std::fs::read_to_string(&file).map_err(|error| fault(error.to_string()))?;
    let key: ledger::VerifyingKey = line.parse().map_err(|error| fault(format!("{error}")))?;
    Ok(key.name().to_owned())
}

fn halt(directory: &Path, options: Options) -> Result<(), ServerError> {
    let ledger = Ledger::open(directory, options)?;
    let posture = PostureChange {
        bundle: None,
        by: "serve --restored".to_owned(),
        reason: "the ledger was restored from a backup".to_owned(),
        replaces: None,
        scope: FactScope::Mesh,
        stance: Posture::Halted,
        subject: String::new(),
        was: None,
    };
    let halted = ledger.append(posture.into());
    ledger.close();
    Ok(halted.map(drop).map_err(RestoreError::NotHalted)?)
}

fn sibling(directory: &Path, ending: &str) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}
