//! Where a log is, and opening it to be read: a ledger's folder (of a running server, or a copy), the published part of
//! one, or an HTTP(S) prefix.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use ledger::VerifyingKey;
use ledger::note::SignedCheckpoint;
use ledger::published_file::PublishedFile;
use ledger::tree::{Directory, LogSource};

use super::remote::Remote;
use crate::cli::out::Failure;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Where {
    /// A ledger's folder, a published log's, or its http(s):// prefix
    pub(super) place: String,
    /// The archive to which older entries were moved
    #[arg(long)]
    archive: Option<PathBuf>,
    /// A file with the token that may read entries over HTTP
    #[arg(long)]
    token_file: Option<PathBuf>,
}

/// The log's key, from wherever its reader trusts; never from the log.
#[derive(Debug, ClapArgs)]
pub(super) struct Trusted {
    /// The file with the log's verification key, as `init` wrote it to log.vkey; kept where the log cannot reach it
    #[arg(long)]
    vkey: PathBuf,
}

/// The same where nothing is proved by it: a folder's own key does.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Named {
    /// The file with the log's verification key [default: log.vkey in the ledger's folder]
    #[arg(long)]
    vkey: Option<PathBuf>,
}

/// A log to be read.
pub(super) struct Opened {
    pub(super) source: Box<dyn LogSource>,
    /// The ledger's whole folder, where that was named.
    pub(super) home: Option<PathBuf>,
}

impl Trusted {
    pub(super) fn key(&self) -> Result<VerifyingKey, Failure> {
        read_key(&self.vkey)
    }
}

impl Named {
    pub(in crate::cli) fn new(vkey: Option<PathBuf>) -> Named {
        Named { vkey }
    }

    pub(super) fn key(&self, opened: &Opened) -> Result<VerifyingKey, Failure> {
        match (&self.vkey, &opened.home) {
            (Some(file), _) => read_key(file),
            (None, Some(home)) => read_key(&home.join("log.vkey")),
            (None, None) => {
                Err(Failure::new("give the log's key: --vkey FILE (the log.vkey that `init` wrote)"))
            }
        }
    }
}

/// One line, as the signed-note format writes keys.
pub(super) fn read_key(file: &Path) -> Result<VerifyingKey, Failure> {
    let wrong = |what: String| Failure::new(format!("{}: {what}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    line.parse().map_err(|fault| wrong(format!("no verification key: {fault}")))
}

impl Where {
    pub(in crate::cli) fn new(place: String, archive: Option<PathBuf>, token_file: Option<PathBuf>) -> Where {
        Where { place, archive, token_file }
    }

    pub(super) fn is_remote(&self) -> bool {
        self.place.starts_with("http://") || self.place.starts_with("https://")
    }

    pub(super) fn open(&self) -> Result<Opened, Failure> {
        if self.is_remote() {
            if self.archive.is_some() {
                return Err(Failure::new(
                    "--archive is for folders: lay the archive over the log where it is served",
                ));
            }
            let source = Box::new(Remote::new(&self.place, self.token_file.as_deref())?);
            return Ok(Opened { source, home: None });
        }
        let path = Path::new(&self.place);
        let is_home = path.join("log").is_dir();
        let log = if is_home { path.join("log") } else { path.to_owned() };
        if !log.is_dir() {
            return Err(Failure::new(format!("{} is no folder", log.display())));
        }
        let mut directory = Directory::new(&log);
        if let Some(archive) = &self.archive {
            directory = directory.with_archive(archive);
        }
        Ok(Opened { source: Box::new(directory), home: is_home.then(|| path.to_owned()) })
    }
}

impl Opened {
    /// The checkpoint's bytes as they are published now.
    pub(super) fn note(&self) -> Result<Vec<u8>, Failure> {
        let name = self.source.name(PublishedFile::Checkpoint);
        let note = self.source.get(PublishedFile::Checkpoint).map_err(Failure::new)?;
        note.ok_or_else(|| Failure::new(format!("{}: there is no checkpoint, so no log", name.display())))
    }

    /// The checkpoint that is published now, signed by this key.
    pub(super) fn checkpoint(&self, key: &VerifyingKey) -> Result<SignedCheckpoint, Failure> {
        let name = self.source.name(PublishedFile::Checkpoint);
        SignedCheckpoint::parse(&self.note()?, key, &[])
            .map_err(|fault| Failure::new(format!("{}: {fault}", name.display())))
    }
}
