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

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::durable::Disk;
use crate::entry::Digest;
use crate::layout::Layout;
use crate::merkle::TreeHead;
use crate::tree::{Directory, MerkleTree};

const TITLE: &str = "portcullis snapshot v1";

/// The facts in force at a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The size up to which entries are included, and the root at that size.
    pub head: TreeHead,
    /// The facts, in the caller's format.
    pub facts: Vec<u8>,
}

impl Snapshot {
    /// The digest that `archived/1` entries contain.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.facts)
    }

    fn header(&self, origin: &str) -> String {
        format!(
            "{TITLE}\n{origin}\n{}\n{}\n{}\n",
            self.head.size,
            STANDARD.encode(self.head.root),
            self.digest()
        )
    }

    fn parse(bytes: Vec<u8>, origin: &str) -> Option<Self> {
        let mut lines = bytes.splitn(6, |byte| *byte == b'\n');
        let mut text = || std::str::from_utf8(lines.next()?).ok();
        let (_, _, size, root, _) = (text()?, text()?, text()?, text()?, text()?);
        let head = TreeHead { size: size.parse().ok()?, root: STANDARD.decode(root).ok()?.try_into().ok()? };
        let header = bytes.len().checked_sub(lines.next()?.len())?;
        // The facts may be large: they move to the front of the same memory.
        let mut facts = bytes;
        let given: Vec<u8> = facts.drain(..header).collect();
        let snapshot = Self { head, facts };
        (given == snapshot.header(origin).as_bytes()).then_some(snapshot)
    }
}

fn path(layout: &Layout, size: u64) -> PathBuf {
    layout.snapshots().join(format!("{size:016}.snapshot"))
}

/// Saves a snapshot and removes all but the newest two.
pub(crate) fn save(disk: &Disk, layout: &Layout, origin: &str, snapshot: &Snapshot) -> std::io::Result<()> {
    let directory = layout.snapshots();
    if !directory.exists() {
        // Somebody deleted it. The ledger's own directory must be there.
        disk.create_dir(&directory, 0o700)?;
    }
    let header = snapshot.header(origin);
    disk.replace_by_parts(&path(layout, snapshot.head.size), &[header.as_bytes(), &snapshot.facts])?;
    for old in newest_first(layout)?.iter().skip(2) {
        disk.remove(old)?;
    }
    Ok(())
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
        match std::fs::read(&path) {
            Ok(bytes) => {
                let found = Snapshot::parse(bytes, origin).filter(|snapshot| holds(snapshot.head));
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
