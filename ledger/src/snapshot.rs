//! Snapshots: the facts in force at a size, so that a start need not read all entries below it again.
//!
//! The caller chooses the format of the facts. A snapshot is an index: it can be deleted as long as the entries below its
//! size exist. It names its log, its size and the root at that size; one that does not match the log is not used.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::durable::Disk;
use crate::entry::Digest;
use crate::layout::Layout;
use crate::merkle::TreeHead;

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

    fn parse(bytes: &[u8], origin: &str) -> Option<Self> {
        let mut lines = bytes.splitn(6, |byte| *byte == b'\n');
        let mut text = || std::str::from_utf8(lines.next()?).ok();
        let (_, _, size, root, _) = (text()?, text()?, text()?, text()?, text()?);
        let root = STANDARD.decode(root).ok()?.try_into().ok()?;
        let facts = lines.next()?.to_vec();
        let snapshot = Self { head: TreeHead { size: size.parse().ok()?, root }, facts };
        bytes.starts_with(snapshot.header(origin).as_bytes()).then_some(snapshot)
    }
}

fn path(layout: &Layout, size: u64) -> PathBuf {
    layout.snapshots().join(format!("{size:016}.snapshot"))
}

/// Saves a snapshot and removes all but the newest two.
pub(crate) fn save(disk: &Disk, layout: &Layout, origin: &str, snapshot: &Snapshot) -> std::io::Result<()> {
    let bytes = [snapshot.header(origin).as_bytes(), &snapshot.facts].concat();
    disk.replace(&path(layout, snapshot.head.size), &bytes)?;
    let mut kept = 0;
    for (_, path) in newest_first(layout)? {
        kept = u32::saturating_add(kept, 1);
        if kept > 2 {
            disk.remove(&path)?;
        }
    }
    Ok(())
}

/// The newest snapshot that can be read and whose root is the root of this log at that size.
pub(crate) fn newest(
    layout: &Layout,
    origin: &str,
    holds: impl Fn(TreeHead) -> bool,
) -> std::io::Result<Option<Snapshot>> {
    for (_, path) in newest_first(layout)? {
        let found = Snapshot::parse(&std::fs::read(&path)?, origin).filter(|snapshot| holds(snapshot.head));
        if found.is_some() {
            return Ok(found);
        }
        tracing::warn!(path = %path.display(), "this snapshot is damaged or belongs to another log; it is not used");
    }
    Ok(None)
}

fn newest_first(layout: &Layout) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let size = |path: &Path| path.file_name()?.to_str()?.strip_suffix(".snapshot")?.parse::<u64>().ok();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(layout.snapshots())? {
        let path = entry?.path();
        found.extend(size(&path).map(|size| (size, path)));
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}
