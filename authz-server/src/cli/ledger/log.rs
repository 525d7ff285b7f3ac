//! Opens a log for reading: a ledger's directory (of a running server, or a copy), its published part, an HTTP(S)
//! prefix, or the Unix socket of a server's API.

use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use ledger::note::SignedCheckpoint;
use ledger::published_file::PublishedFile;
use ledger::tree::{Directory, LogSource};
use ledger::{Ledger, VerifyingKey};

use super::evidence::Contents;
use super::remote::Remote;
use crate::cli::out::Failure;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct LogLocation {
    /// A ledger's directory, a published log's directory, its http(s):// prefix, or unix:PATH, the socket of a
    /// server's API
    pub(super) place: String,
    /// An archive to which older entries were moved, if it is not where `ledger archive` put it. May be given
    /// several times
    #[arg(long)]
    archive: Vec<PathBuf>,
    /// A file with the token for reading entries over a network or a socket
    #[arg(long)]
    token_file: Option<PathBuf>,
}

/// The log's key, from a source that the reader trusts. It is never read from the log itself.
#[derive(Debug, ClapArgs)]
pub(super) struct TrustedKey {
    /// The file with the log's verification key, a copy of the log.vkey that `init` wrote; keep it where the
    /// log's owner cannot change it
    #[arg(long)]
    vkey: PathBuf,
}

/// The log's key for commands that prove nothing: by default the key in the ledger's directory.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct OptionalKey {
    /// The file with the log's verification key [default: log.vkey in the ledger's directory]
    #[arg(long)]
    vkey: Option<PathBuf>,
}

/// A log that is open for reading.
pub(super) struct OpenLog {
    pub(super) source: Box<dyn LogSource>,
    /// The ledger's whole directory or the evidence folder, if that was named.
    pub(super) directory: Option<PathBuf>,
    /// What is in the evidence folder, if one was named.
    pub(super) evidence: Option<Contents>,
}

impl TrustedKey {
    pub(super) fn read(&self) -> Result<VerifyingKey, Failure> {
        read_key(&self.vkey)
    }
}

impl OptionalKey {
    pub(in crate::cli) fn new(vkey: Option<PathBuf>) -> OptionalKey {
        OptionalKey { vkey }
    }

    pub(super) fn read(&self, log: &OpenLog) -> Result<VerifyingKey, Failure> {
        match (&self.vkey, &log.directory) {
            (Some(file), _) => read_key(file),
            (None, Some(directory)) => read_key(&directory.join("log.vkey")),
            (None, None) => {
                Err(Failure::new("the log's key is needed: --vkey FILE (the log.vkey that `init` wrote)"))
            }
        }
    }
}

/// Reads a key file: one line, as the signed-note format writes keys.
pub(super) fn read_key(file: &Path) -> Result<VerifyingKey, Failure> {
    let wrong = |what: String| Failure::new(format!("{}: {what}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    line.parse().map_err(|fault| wrong(format!("is not a valid verification key: {fault}")))
}

impl LogLocation {
    pub(in crate::cli) fn new(
        place: String,
        archive: Vec<PathBuf>,
        token_file: Option<PathBuf>,
    ) -> LogLocation {
        LogLocation { place, archive, token_file }
    }

    pub(in crate::cli) fn is_remote(&self) -> bool {
        ["http://", "https://", "unix:"].iter().any(|scheme| self.place.starts_with(scheme))
    }

    pub(super) fn open(&self) -> Result<OpenLog, Failure> {
        if self.is_remote() {
            if !self.archive.is_empty() {
                return Err(Failure::new(
                    "--archive works only with a directory: for a URL, copy the archive into the log that is served",
                ));
            }
            let source = Box::new(Remote::new(&self.place, self.token_file.as_deref())?);
            return Ok(OpenLog { source, directory: None, evidence: None });
        }
        let path = Path::new(&self.place);
        let is_ledger = path.join("log").is_dir();
        let log = if is_ledger { path.join("log") } else { path.to_owned() };
        if !log.is_dir() {
            return Err(Failure::new(format!("{} is not a directory", log.display())));
        }
        // A ledger names its archives. An archive that was moved since then is skipped.
        let noted = if is_ledger { Ledger::archives(path).map_err(Failure::new)? } else { Vec::new() };
        let archives = self.archive.iter().chain(noted.iter().filter(|archive| archive.is_dir()));
        let directory = archives.fold(Directory::new(&log), |log, archive| log.with_archive(archive));
        let (source, directory) = (Box::new(directory), is_ledger.then(|| path.to_owned()));
        Ok(OpenLog { source, directory, evidence: Contents::read(path)? })
    }
}

impl OpenLog {
    /// The bytes of the current checkpoint.
    pub(super) fn note(&self) -> Result<Vec<u8>, Failure> {
        let name = self.source.name(PublishedFile::Checkpoint);
        let note = self.source.get(PublishedFile::Checkpoint).map_err(Failure::new)?;
        note.ok_or_else(|| {
            Failure::new(format!("{}: there is no checkpoint, so this is not a log", name.display()))
        })
    }

    /// The entries that are here, in a log of this size: those of the evidence, or all that are not archived.
    pub(super) fn entries(&self, size: u64) -> Result<Range<u64>, Failure> {
        match &self.evidence {
            Some(contents) => Ok(contents.range()),
            None => Ok(self.first_entry(size)?..size),
        }
    }

    /// The index of the first entry that is here. Archived entries are the first ones.
    pub(super) fn first_entry(&self, size: u64) -> Result<u64, Failure> {
        let is_here = |index: u64| {
            let Some(file) = PublishedFile::entries(index, size) else { return Ok(true) };
            let found = self.source.get(file).map_err(Failure::new)?;
            Ok(found.is_some() || self.source.get(file.full()).map_err(Failure::new)?.is_some())
        };
        let (mut low, mut high) = (0, size.div_ceil(256));
        if is_here(low)? {
            return Ok(low);
        }
        while low < high {
            let middle = low.midpoint(high);
            if is_here(middle)? { high = middle } else { low = middle.saturating_add(1) }
        }
        Ok(low.saturating_mul(256).min(size))
    }

    /// The current checkpoint, if this key signed it.
    pub(super) fn checkpoint(&self, key: &VerifyingKey) -> Result<SignedCheckpoint, Failure> {
        let name = self.source.name(PublishedFile::Checkpoint);
        SignedCheckpoint::parse(&self.note()?, key, &[])
            .map_err(|fault| Failure::new(format!("{}: {fault}", name.display())))
    }
}
