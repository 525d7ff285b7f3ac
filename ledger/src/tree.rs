//! The Merkle tree of a published log, read from its tiles: nodes, right edges, proofs and entries.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::durable::TEMPORARY;
use crate::fault::ReadError;
use crate::layout::TILE_WIDTH;
use crate::merkle::{Edge, Hash, leaf_hash, node_hash, subtree_root};
use crate::published_file::PublishedFile;
use crate::wal::frame::Entries;

/// A source of published files: here a directory, in other crates an HTTP prefix.
pub trait LogSource: Sync {
    /// The bytes of a file, or `None` if it does not exist.
    fn get(&self, file: PublishedFile) -> Result<Option<Vec<u8>>, ReadError>;

    /// The name of this file in messages.
    fn name(&self, file: PublishedFile) -> PathBuf;

    /// Calls the function for each thing that only a list of the files shows. Does nothing if the source cannot list
    /// files.
    fn listing(&self, _: &mut dyn FnMut(Listed<'_>)) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Something that a list of a log's files shows.
#[derive(Clone, Copy, Debug)]
pub enum Listed<'a> {
    /// A partial file and its bytes.
    Partial(PublishedFile, &'a [u8]),
    /// A name that is not part of the layout, or that is neither a regular file nor a directory.
    Foreign(&'a Path),
}

/// A published log in a directory.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
    archives: Vec<PathBuf>,
}

impl Directory {
    /// The log whose `checkpoint` file is in this directory.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), archives: Vec::new() }
    }

    /// The same log with one more archive: bundles that were moved to an archive are read from there.
    #[must_use]
    pub fn with_archive(mut self, archive: &Path) -> Self {
        self.archives.push(archive.to_owned());
        self
    }
}

impl LogSource for Directory {
    fn get(&self, file: PublishedFile) -> Result<Option<Vec<u8>>, ReadError> {
        for place in std::iter::once(&self.path).chain(&self.archives) {
            if let Some(bytes) = read(&place.join(file.path()))? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn name(&self, file: PublishedFile) -> PathBuf {
        self.path.join(file.path())
    }

    fn listing(&self, see: &mut dyn FnMut(Listed<'_>)) -> Result<(), ReadError> {
        walk(&self.path, &self.path, see)?;
        // An archive may lie in a directory with other things; only its tiles belong to the log.
        self.archives.iter().try_for_each(|archive| walk(archive, &archive.join("tile"), see))
    }
}

/// Visits what is in this directory and below. Full files are not read: there are many of them.
fn walk(log: &Path, directory: &Path, see: &mut dyn FnMut(Listed<'_>)) -> Result<(), ReadError> {
    let at = |error| ReadError::Io(directory.to_owned(), error);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // Partial tiles and their directory are removed once the full tile exists.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(error)),
    };
    for entry in entries {
        let entry = entry.map_err(at)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(at)?);
        let name = path.strip_prefix(log).ok().and_then(Path::to_str).unwrap_or_default();
        if kind.is_dir() && PublishedFile::is_directory(name) {
            walk(log, &path, see)?;
            continue;
        }
        // The writer of the log may be about to rename this file.
        let is_temporary =
            name.strip_suffix(TEMPORARY).is_some_and(|name| PublishedFile::parse(name).is_some());
        match PublishedFile::parse(name).filter(|_| kind.is_file()) {
            None if kind.is_file() && is_temporary => {}
            None => see(Listed::Foreign(&path)),
            Some(file) if file.full() == file => {}
            Some(file) => {
                if let Some(bytes) = read(&path)? {
                    see(Listed::Partial(file, &bytes));
                }
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, ReadError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        // ENOTDIR: the path of a partial tile goes through a name that is a file.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(ReadError::Io(path.to_owned(), error)),
    }
}

/// The bytes of a file. If the full file replaced a partial one, only the bytes of the partial file.
pub fn published_bytes(source: &dyn LogSource, file: PublishedFile) -> Result<Vec<u8>, ReadError> {
    let missing = || ReadError::Corrupt(source.name(file), "the file is missing".to_owned());
    if let Some(bytes) = source.get(file)? {
        return Ok(bytes);
    }
    let mut bytes = source.get(file.full())?.ok_or_else(missing)?;
    let width = match file {
        PublishedFile::Checkpoint => return Ok(bytes),
        PublishedFile::Hashes { width, .. } => usize::from(width).saturating_mul(32),
        PublishedFile::Entries { width, .. } => Entries(&bytes)
            .flatten()
            .take(usize::from(width))
            .map(|entry| entry.len().saturating_add(2))
            .sum(),
    };
    bytes.truncate(width);
    Ok(bytes)
}

/// The Merkle tree of one size.
pub struct MerkleTree<'a> {
    source: &'a dyn LogSource,
    size: u64,
    /// Tiles that were already read: a proof needs a few of them, several times each.
    tiles: std::sync::Mutex<BTreeMap<(u8, u64), Vec<Hash>>>,
}

impl std::fmt::Debug for MerkleTree<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("size", &self.size).finish_non_exhaustive()
    }
}

/// How many levels of tiles a tree has at most: each is 256 times narrower than the one below.
pub(crate) const LEVELS: u8 = 8;

/// How many tiles are cached.
const TILES_AT_MOST: usize = 64;

impl<'a> MerkleTree<'a> {
    /// The tree of the checkpoint with this size.
    #[must_use]
    pub fn new(source: &'a dyn LogSource, size: u64) -> Self {
        Self { source, size, tiles: std::sync::Mutex::default() }
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    pub fn root(&self) -> Result<Hash, ReadError> {
        Ok(self.edge(self.size)?.root())
    }

    /// The hashes of one tile.
    pub fn tile(&self, level: u8, index: u64) -> Result<Vec<Hash>, ReadError> {
        let mut tiles = self.tiles.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(tile) = tiles.get(&(level, index)) {
            return Ok(tile.clone());
        }
        let Some(file) = PublishedFile::hashes(level, index, self.size) else { return Ok(Vec::new()) };
        let bytes = self.fetch(file)?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        let PublishedFile::Hashes { width, .. } = file else { return Ok(Vec::new()) };
        let hashes = hashes.get(..usize::from(width)).filter(|_| rest.is_empty()).map(<[Hash]>::to_vec);
        let hashes =
            hashes.ok_or_else(|| self.corrupt(file, "the length of the tile does not match its width"))?;
        if tiles.len() >= TILES_AT_MOST {
            tiles.pop_first();
        }
        tiles.insert((level, index), hashes.clone());
        Ok(hashes)
    }

    /// The entries of one bundle, each checked against its leaf hash.
    pub fn bundle(&self, index: u64) -> Result<EntryBundle, ReadError> {
        let Some(file) = PublishedFile::entries(index, self.size) else {
            return Ok(EntryBundle::default());
        };
        let leaves = self.tile(0, index)?;
        let bundle = EntryBundle { bytes: self.fetch(file)?, count: leaves.len() };
        if bundle.iter().count() != leaves.len() {
            return Err(self.corrupt(file, "the bundle has too few entries"));
        }
        for (place, (leaf, entry)) in leaves.iter().zip(bundle.iter()).enumerate() {
            if leaf_hash(entry) != *leaf {
                return Err(
                    self.corrupt(file, &format!("entry {place} of the bundle does not match its leaf hash"))
                );
            }
        }
        Ok(bundle)
    }

    /// The bytes of one entry, checked against its leaf hash; `None` beyond the end of the log.
    pub fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let place = usize::try_from(index % TILE_WIDTH).unwrap_or(usize::MAX);
        Ok(self.bundle(index / TILE_WIDTH)?.iter().nth(place).map(<[u8]>::to_vec))
    }

    /// A partial file, or the full file that replaced it.
    fn fetch(&self, file: PublishedFile) -> Result<Vec<u8>, ReadError> {
        if let Some(bytes) = self.source.get(file)? {
            return Ok(bytes);
        }
        let full = file.full();
        let found = if full == file { None } else { self.source.get(full)? };
        found.ok_or_else(|| self.corrupt(file, "the file is missing"))
    }

    fn corrupt(&self, file: PublishedFile, what: &str) -> ReadError {
        ReadError::Corrupt(self.source.name(file), what.to_owned())
    }

    /// The right edge of the tree as it was at a smaller size.
    pub fn edge(&self, size: u64) -> Result<Edge, ReadError> {
        let mut peaks = Vec::new();
        for level in (0..LEVELS).rev() {
            let shift = u32::from(level).saturating_mul(8);
            let nodes = size.checked_shr(shift).unwrap_or(0);
            let width = usize::try_from(nodes & 0xff).unwrap_or(0);
            if width == 0 {
                continue;
            }
            let index = nodes >> 8;
            let tile = self.tile(level, index)?;
            let mut rest = tile.get(..width).ok_or_else(|| self.too_large(size))?;
            while !rest.is_empty() {
                let largest = 1_usize.checked_shl(rest.len().ilog2()).unwrap_or(1);
                let (whole, after) = rest.split_at_checked(largest).unwrap_or((rest, &[]));
                peaks.push(subtree_root(whole));
                rest = after;
            }
        }
        Edge::from_peaks(size, peaks).ok_or_else(|| self.too_large(size))
    }

    fn too_large(&self, size: u64) -> ReadError {
        self.corrupt(
            PublishedFile::Checkpoint,
            &format!("size {size} is larger than the published size {}", self.size),
        )
    }

    /// The inclusion proof of one entry in the tree of this size.
    pub fn inclusion(&self, index: u64) -> Result<Vec<Hash>, ReadError> {
        if index >= self.size {
            return Err(self.too_large(index.saturating_add(1)));
        }
        let (mut from, mut to) = (0_u64, self.size);
        let mut proof = Vec::new();
        while to.saturating_sub(from) > 1 {
            let middle = from.saturating_add(split(to.saturating_sub(from)));
            if index < middle {
                proof.push(self.range(middle, to)?);
                to = middle;
            } else {
                proof.push(self.range(from, middle)?);
                from = middle;
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// The proof that the tree of this size continues the one of an `old` size.
    pub fn consistency(&self, old: u64) -> Result<Vec<Hash>, ReadError> {
        if old > self.size {
            return Err(self.too_large(old));
        }
        let (mut from, mut to) = (0_u64, self.size);
        let mut proof = Vec::new();
        if old == 0 || old == self.size {
            return Ok(proof);
        }
        while to != old {
            let middle = from.saturating_add(split(to.saturating_sub(from)));
            if old <= middle {
                proof.push(self.range(middle, to)?);
                to = middle;
            } else {
                proof.push(self.range(from, middle)?);
                from = middle;
            }
        }
        // The root of the old tree is left out: who verifies the proof has it.
        if from != 0 {
            proof.push(self.range(from, to)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// The root over the leaves from `from` to `to`. `from` must be a place where RFC 6962 splits the tree.
    fn range(&self, from: u64, to: u64) -> Result<Hash, ReadError> {
        let length = to.saturating_sub(from);
        if length.is_power_of_two() {
            return self.node(length.trailing_zeros(), from);
        }
        let middle = from.saturating_add(split(length));
        Ok(node_hash(&self.range(from, middle)?, &self.range(middle, to)?))
    }

    /// The root of the complete subtree of 2^height leaves that begins at `from`.
    fn node(&self, height: u32, from: u64) -> Result<Hash, ReadError> {
        let level = height / 8;
        let nodes = from.checked_shr(level.saturating_mul(8)).unwrap_or(0);
        let width = 1_usize.checked_shl(height % 8).unwrap_or(1);
        let tile = self.tile(u8::try_from(level).unwrap_or(u8::MAX), nodes >> 8)?;
        let place = usize::try_from(nodes & 0xff).unwrap_or(0);
        let hashes = tile.get(place..place.saturating_add(width));
        hashes.map(subtree_root).ok_or_else(|| self.too_large(from))
    }
}

/// The largest power of two below a number that is at least 2.
fn split(length: u64) -> u64 {
    length.div_ceil(2).checked_next_power_of_two().unwrap_or(length)
}

/// A C2SP entry bundle: up to 256 entries.
#[derive(Clone, Debug, Default)]
pub struct EntryBundle {
    bytes: Vec<u8>,
    /// How many entries count: the file may be a full bundle that replaced a partial one.
    count: usize,
}

impl EntryBundle {
    /// The bytes of the bundle with only the first `width` entries; `None` if it has fewer.
    pub(crate) fn prefix(&self, width: usize) -> Option<Vec<u8>> {
        let lengths: Vec<usize> =
            self.iter().take(width).map(|entry| entry.len().saturating_add(2)).collect();
        let end = lengths.iter().fold(0, |sum: usize, length| sum.saturating_add(*length));
        self.bytes.get(..end).filter(|_| lengths.len() == width).map(<[u8]>::to_vec)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where in the bytes each entry is.
    pub(crate) fn places(&self) -> Vec<Range<usize>> {
        let mut end = 0_usize;
        let place = |entry: &[u8]| {
            let start = end.saturating_add(2); // after the entry's length
            end = start.saturating_add(entry.len());
            start..end
        };
        self.iter().map(place).collect()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        Entries(&self.bytes).flatten().take(self.count)
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers in a test")]
pub(crate) mod tests {
    use super::*;
    use crate::merkle::{Continuation, consistency_holds, continuation, inclusion_root};
    use crate::publish::TileBuilder;

    /// A published log in memory.
    pub(crate) struct Memory(pub(crate) BTreeMap<PublishedFile, Vec<u8>>);

    impl LogSource for Memory {
        fn get(&self, file: PublishedFile) -> Result<Option<Vec<u8>>, ReadError> {
            Ok(self.0.get(&file).cloned())
        }

        fn name(&self, file: PublishedFile) -> PathBuf {
            file.path().into()
        }
    }

    /// The tiles that a log has published when it has grown to the last size, with partial tiles for each of the sizes.
    fn grown(sizes: &[u64]) -> (Memory, Vec<Edge>) {
        let (mut builder, mut edge, mut files, mut edges) =
            (TileBuilder::default(), Edge::default(), BTreeMap::new(), vec![Edge::default()]);
        for index in 0..*sizes.last().unwrap() {
            let entry = index.to_string().into_bytes();
            edge.append(leaf_hash(&entry));
            edges.push(edge.clone());
            builder.add(&entry, leaf_hash(&entry), &mut |file, bytes| drop(files.insert(file, bytes)));
            if sizes.contains(&(index + 1)) {
                builder.partials(&mut |file, bytes| drop(files.insert(file, bytes)));
            }
        }
        (Memory(files), edges)
    }

    #[test]
    fn tiles_give_the_edge_of_every_size_and_all_proofs() {
        let sizes = [1, 2, 3, 200, 255, 256, 257, 511, 512, 700, 1030];
        let (memory, edges) = grown(&sizes);
        let mut proofs = 0;
        for size in sizes {
            let tree = MerkleTree::new(&memory, size);
            let root = tree.root().unwrap();
            for old in 0..=size {
                let edge = &edges[usize::try_from(old).unwrap()];
                assert_eq!(tree.edge(old).unwrap(), *edge, "edge of {old} in {size}");
                if old > 0 {
                    let proof = tree.consistency(old).unwrap();
                    assert!(consistency_holds(old, &edge.root(), size, &root, &proof), "{old} in {size}");
                    // The proof of a size that is a power of two leaves out the older root: it cannot show a fork.
                    let cannot_show = old.is_power_of_two() && old != size;
                    let forked = if cannot_show { Continuation::Unproved } else { Continuation::Forked };
                    assert_eq!(continuation(old, &[0; 32], size, &root, &proof), forked, "{old} in {size}");
                    let damaged = continuation(old, &edge.root(), size, &[0; 32], &proof);
                    assert!(old == size || damaged == Continuation::Unproved, "{old} in {size}");
                    proofs += 1;
                }
            }
            for index in 0..size {
                let proof = tree.inclusion(index).unwrap();
                let leaf = leaf_hash(index.to_string().as_bytes());
                assert_eq!(inclusion_root(leaf, index, size, &proof), Some(root), "{index} in {size}");
                assert_ne!(inclusion_root([0; 32], index, size, &proof), Some(root));
                assert!(!proof.is_empty() || size == 1);
                let short = proof.split_last().map(|(_, rest)| inclusion_root(leaf, index, size, rest));
                assert_ne!(short, Some(Some(root)));
                proofs += 1;
            }
            assert!(tree.inclusion(size).is_err());
            assert!(tree.consistency(size + 1).is_err());
            let bundle = tree.bundle((size - 1) / 256).unwrap();
            assert_eq!(bundle.iter().last().unwrap(), (size - 1).to_string().as_bytes());
        }
        assert!(proofs > 7_000, "{proofs}");
    }
}
