//! Snapshots: the facts in force at a size, so that a start need not read all entries below it again.
//!
//! The caller chooses the format of the facts. A snapshot is an index: it can be deleted as long as the entries below its
//! size exist. It names its log, its size and the root at that size; one that does not match the log is not used.
//!
//! # The steps of saving one, and what a crash between them leaves
//!
//! 1. The file is written under a temporary name and synced. A crash before the end of this step: the older snapshots are
//!    still there, and the next start removes the temporary file.
//! 2. It is renamed, and the directory is synced. A crash in between: the whole snapshot is there, or only the older ones.
//! 3. All but the newest two are removed. After a crash in this step the next snapshot removes the rest; one that comes
//!    back because its removal was not synced is older than those that are used.
//!
//! Two are kept, so that a start has another one if the newest is damaged.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::durable::{Disk, Replacement};
use crate::entry::Digest;
use crate::layout::Layout;
use crate::merkle::TreeHead;
use crate::tree::{Directory, MerkleTree};

const TITLE: &str = "portcullis snapshot v1";

/// The facts may be large, so they are never in memory as a whole. They are read and written through buffers of this
/// size.
const BUFFER: usize = 256 * 1024;

/// A snapshot that was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedSnapshot {
    /// The size up to which entries are included, and the root at that size.
    pub head: TreeHead,
    /// The digest of the facts, which `archived/1` entries contain.
    pub digest: Digest,
}

impl SavedSnapshot {
    fn header(&self, origin: &str) -> String {
        let root = STANDARD.encode(self.head.root);
        format!("{TITLE}\n{origin}\n{}\n{root}\n{}\n", self.head.size, self.digest)
    }

    fn parse(header: &[u8], origin: &str) -> Option<Self> {
        let mut lines = std::str::from_utf8(header).ok()?.split('\n');
        let (_, _, size, root, digest) =
            (lines.next()?, lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        let head = TreeHead { size: size.parse().ok()?, root: STANDARD.decode(root).ok()?.try_into().ok()? };
        let saved = Self { head, digest: Digest::parse(digest)? };
        (saved.header(origin).as_bytes() == header).then_some(saved)
    }
}

/// A snapshot that is open, and whose digest is right.
#[derive(Debug)]
pub struct Snapshot {
    pub saved: SavedSnapshot,
    /// The facts, in the caller's format.
    pub facts: BufReader<File>,
}

impl Snapshot {
    /// `None` if the file is not a whole snapshot of this log.
    fn open(path: &Path, origin: &str) -> io::Result<Option<Self>> {
        const LINES: usize = 5;
        const LONGEST_HEADER: u64 = 4096;
        let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
        let (mut header, mut start) = (Vec::new(), file.by_ref().take(LONGEST_HEADER));
        for _ in 0..LINES {
            start.read_until(b'\n', &mut header)?;
        }
        let Some(saved) = SavedSnapshot::parse(&header, origin) else { return Ok(None) };
        let mut digest = Digesting { to: io::sink(), digest: Sha256::new() };
        io::copy(&mut file, &mut digest)?;
        let facts_begin = u64::try_from(header.len()).unwrap_or(u64::MAX);
        file.seek(SeekFrom::Start(facts_begin))?;
        Ok((digest.digest() == saved.digest).then_some(Self { saved, facts: file }))
    }
}

/// Passes bytes on, and computes their digest.
struct Digesting<W> {
    to: W,
    digest: Sha256,
}

impl<W> Digesting<W> {
    fn digest(&self) -> Digest {
        Digest::from_bytes(self.digest.clone().finalize().into())
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn path(layout: &Layout, size: u64) -> PathBuf {
    layout.snapshots().join(format!("{size:016}.snapshot"))
}

/// Why a snapshot was not saved. The older ones are as they were.
#[derive(Debug)]
pub(crate) enum NotSaved {
    /// The caller could not give all facts.
    Facts(io::Error),
    Disk(io::Error),
}

impl From<io::Error> for NotSaved {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Saves what `write` writes as the facts at this size, and removes all snapshots but the newest two.
pub(crate) fn save(
    disk: &Disk,
    layout: &Layout,
    origin: &str,
    head: TreeHead,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<SavedSnapshot, NotSaved> {
    let directory = layout.snapshots();
    if !directory.exists() {
        // Somebody deleted it. The ledger's own directory must be there.
        disk.create_dir(&directory, 0o700)?;
    }
    // The digest is known last, and its length before.
    let space = SavedSnapshot { head, digest: Digest::of(&[]) }.header(origin).len();
    let space = u64::try_from(space).unwrap_or(u64::MAX);
    let file: Replacement = disk.begin_replacing(&path(layout, head.size), space)?;
    let mut buffered = BufWriter::with_capacity(BUFFER, Digesting { to: file, digest: Sha256::new() });
    let written = write(&mut buffered).and_then(|()| buffered.flush());
    // What is still in the buffer after an error is not written.
    let (file, _) = buffered.into_parts();
    written.map_err(if file.to.has_failed() { NotSaved::Disk } else { NotSaved::Facts })?;
    let saved = SavedSnapshot { head, digest: file.digest() };
    file.to.put_in_place(saved.header(origin).as_bytes())?;
    for old in newest_first(layout)?.iter().skip(2) {
        disk.remove(old)?;
    }
    Ok(saved)
}

/// The snapshots that can be read and whose root is the root of this log at their size, the newest first. `published` is the
/// log's published size. A snapshot that is not used is reported.
pub(crate) fn usable(
    layout: &Layout,
    origin: &str,
    published: u64,
) -> std::io::Result<impl Iterator<Item = Snapshot>> {
    let log = Directory::new(&layout.log());
    let holds = move |head: TreeHead| {
        let root = MerkleTree::new(&log, published).edge(head.size).map(|edge| edge.root());
        root.is_ok_and(|root| root == head.root)
    };
    let read = move |path: PathBuf| {
        let file = path.display();
        match Snapshot::open(&path, origin) {
            Ok(found) => {
                let found = found.filter(|snapshot| holds(snapshot.saved.head));
                if found.is_none() {
                    tracing::warn!(path = %file, "this snapshot is damaged or belongs to another log; it is not used");
                }
                found
            }
            Err(error) => {
                tracing::warn!(path = %file, %error, "this snapshot cannot be read; it is not used");
                None
            }
        }
    };
    Ok(newest_first(layout)?.into_iter().filter_map(read))
}

fn newest_first(layout: &Layout) -> std::io::Result<Vec<PathBuf>> {
    let size = |path: &Path| path.file_name()?.to_str()?.strip_suffix(".snapshot")?.parse::<u64>().ok();
    let entries = match std::fs::read_dir(layout.snapshots()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        found.extend(size(&path).map(|size| (size, path)));
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
