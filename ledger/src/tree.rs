//! The tree of a published log, read from its tiles: nodes, edges, proofs, entries.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::fault::ReadError;
use crate::merkle::{Edge, Hash, leaf_hash, node_hash, subtree_root};
use crate::resource::Resource;
use crate::wal::frame::Entries;

/// Where published files come from: a directory here, an HTTP prefix in whoever knows HTTP.
pub trait Source: Sync {
    /// The bytes of a file, or `None` if it is not there.
    fn get(&self, resource: Resource) -> Result<Option<Vec<u8>>, ReadError>;

    /// What a message calls this file.
    fn name(&self, resource: Resource) -> PathBuf;

    /// Shows every partial file that is there, where that can be told.
    fn partials(&self, _: &mut dyn FnMut(Resource, &[u8])) -> Result<(), ReadError> {
        Ok(())
    }
}

/// A published log in a directory.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
    archive: Option<PathBuf>,
}

impl Directory {
    /// The log whose `checkpoint` stands in this directory.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), archive: None }
    }

    /// The same with an archive laid over it: bundles that were moved there are read from there.
    #[must_use]
    pub fn with_archive(mut self, archive: &Path) -> Self {
        self.archive = Some(archive.to_owned());
        self
    }
}

impl Source for Directory {
    fn get(&self, resource: Resource) -> Result<Option<Vec<u8>>, ReadError> {
        let path = self.name(resource);
        match read(&path)? {
            None => self.archive.as_ref().map_or(Ok(None), |archive| read(&archive.join(resource.path()))),
            found => Ok(found),
        }
    }

    fn name(&self, resource: Resource) -> PathBuf {
        self.path.join(resource.path())
    }

    fn partials(&self, see: &mut dyn FnMut(Resource, &[u8])) -> Result<(), ReadError> {
        self.walk(&self.path.join("tile"), see)
    }
}

impl Directory {
    /// Levels, groups of a thousand and partial tiles are directories; nothing else is entered, and full files are many.
    fn walk(&self, directory: &Path, see: &mut dyn FnMut(Resource, &[u8])) -> Result<(), ReadError> {
        let at = |error| ReadError::Io(directory.to_owned(), error);
        for entry in fs::read_dir(directory).map_err(at)? {
            let entry = entry.map_err(at)?;
            let path = entry.path();
            if entry.file_type().map_err(at)?.is_dir() {
                self.walk(&path, see)?;
                continue;
            }
            let name = path.strip_prefix(&self.path).ok().and_then(Path::to_str).and_then(Resource::parse);
            if let Some(resource) = name.filter(|resource| resource.full() != *resource) {
                see(resource, &read(&path)?.unwrap_or_default());
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, ReadError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        // ENOTDIR: a partial tile's directory is asked for where a file is.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(ReadError::Io(path.to_owned(), error)),
    }
}

/// The tree of one size.
pub struct Tree<'a> {
    source: &'a dyn Source,
    size: u64,
    /// Tiles that were read already: a proof touches a handful, several times each.
    tiles: std::sync::Mutex<BTreeMap<(u8, u64), Vec<Hash>>>,
}

impl std::fmt::Debug for Tree<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("size", &self.size).finish_non_exhaustive()
    }
}

/// How many tiles a tree remembers.
const TILES_AT_MOST: usize = 64;

impl<'a> Tree<'a> {
    /// The tree that a checkpoint of this size names.
    #[must_use]
    pub fn new(source: &'a dyn Source, size: u64) -> Self {
        Self { source, size, tiles: std::sync::Mutex::default() }
    }

    /// How many leaves.
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
        let Some(resource) = Resource::hashes(level, index, self.size) else { return Ok(Vec::new()) };
        let bytes = self.fetch(resource)?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        let Resource::Hashes { width, .. } = resource else { return Ok(Vec::new()) };
        let hashes = hashes.get(..usize::from(width)).filter(|_| rest.is_empty()).map(<[Hash]>::to_vec);
        let hashes =
            hashes.ok_or_else(|| self.corrupt(resource, "the tile does not have the length of its width"))?;
        if tiles.len() >= TILES_AT_MOST {
            tiles.pop_first();
        }
        tiles.insert((level, index), hashes.clone());
        Ok(hashes)
    }

    /// The entries of one bundle, each checked against its leaf hash.
    pub fn bundle(&self, index: u64) -> Result<Bundle, ReadError> {
        let Some(resource) = Resource::entries(index, self.size) else { return Ok(Bundle::default()) };
        let leaves = self.tile(0, index)?;
        let bundle = Bundle { bytes: self.fetch(resource)?, count: leaves.len() };
        if bundle.iter().count() != leaves.len() {
            return Err(self.corrupt(resource, "the bundle has too few entries"));
        }
        for (place, (leaf, entry)) in leaves.iter().zip(bundle.iter()).enumerate() {
            if leaf_hash(entry) != *leaf {
                return Err(self.corrupt(
                    resource,
                    &format!("entry {place} of the bundle is not the one that was hashed"),
                ));
            }
        }
        Ok(bundle)
    }

    /// A partial file, or the full one that may stand in its place.
    fn fetch(&self, resource: Resource) -> Result<Vec<u8>, ReadError> {
        if let Some(bytes) = self.source.get(resource)? {
            return Ok(bytes);
        }
        let full = resource.full();
        let found = if full == resource { None } else { self.source.get(full)? };
        found.ok_or_else(|| self.corrupt(resource, "the file is missing"))
    }

    fn corrupt(&self, resource: Resource, what: &str) -> ReadError {
        ReadError::Corrupt(self.source.name(resource), what.to_owned())
    }

    /// The right edge of the tree as it was at a smaller size.
    pub fn edge(&self, size: u64) -> Result<Edge, ReadError> {
        let mut peaks = Vec::new();
        for level in (0_u8..8).rev() {
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
        self.corrupt(Resource::Checkpoint, &format!("size {size} is beyond the published {}", self.size))
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
        // The old tree's own root is left out: whoever asks has it.
        if from != 0 {
            proof.push(self.range(from, to)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// The root over the leaves from `from`, which is a place where RFC 6962 splits, up to `to`.
    fn range(&self, from: u64, to: u64) -> Result<Hash, ReadError> {
        let length = to.saturating_sub(from);
        if length.is_power_of_two() {
            return self.node(length.trailing_zeros(), from);
        }
        let middle = from.saturating_add(split(length));
        Ok(node_hash(&self.range(from, middle)?, &self.range(middle, to)?))
    }

    /// The root of the whole subtree of 2^height leaves that begins here.
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

/// Up to 256 entries.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    bytes: Vec<u8>,
    /// A full bundle may stand in for a partial one.
    count: usize,
}

impl Bundle {
    /// The bytes of a bundle of its first entries; `None` if it has fewer.
    pub(crate) fn prefix(&self, width: usize) -> Option<Vec<u8>> {
        let lengths: Vec<usize> =
            self.iter().take(width).map(|entry| entry.len().saturating_add(2)).collect();
        let end = lengths.iter().fold(0, |sum: usize, length| sum.saturating_add(*length));
        self.bytes.get(..end).filter(|_| lengths.len() == width).map(<[u8]>::to_vec)
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        Entries(&self.bytes).flatten().take(self.count)
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers in a test")]
mod tests {
    use super::*;
    use crate::merkle::{consistency_holds, inclusion_root};
    use crate::publish::Growth;

    struct Memory(BTreeMap<Resource, Vec<u8>>);

    impl Source for Memory {
        fn get(&self, resource: Resource) -> Result<Option<Vec<u8>>, ReadError> {
            Ok(self.0.get(&resource).cloned())
        }

        fn name(&self, resource: Resource) -> PathBuf {
            resource.path().into()
        }
    }

    /// Every tile that a log of this size has published, partial ones for each of these sizes.
    fn grown(sizes: &[u64]) -> (Memory, Vec<Edge>) {
        let (mut growth, mut edge, mut files, mut edges) =
            (Growth::default(), Edge::default(), BTreeMap::new(), vec![edge_of_nothing()]);
        for index in 0..*sizes.last().unwrap() {
            let entry = index.to_string().into_bytes();
            edge.append(leaf_hash(&entry));
            edges.push(edge.clone());
            growth.add(&entry, leaf_hash(&entry), &mut |resource, bytes| drop(files.insert(resource, bytes)));
            if sizes.contains(&(index + 1)) {
                growth.partials(&mut |resource, bytes| drop(files.insert(resource, bytes)));
            }
        }
        (Memory(files), edges)
    }

    fn edge_of_nothing() -> Edge {
        Edge::default()
    }

    #[test]
    fn tiles_give_the_edge_of_every_size_and_proofs_between_all() {
        let sizes = [1, 2, 3, 200, 255, 256, 257, 511, 512, 700, 1030];
        let (memory, edges) = grown(&sizes);
        let mut proofs = 0;
        for size in sizes {
            let tree = Tree::new(&memory, size);
            let root = tree.root().unwrap();
            for old in 0..=size {
                let edge = &edges[usize::try_from(old).unwrap()];
                assert_eq!(tree.edge(old).unwrap(), *edge, "edge of {old} in {size}");
                if old > 0 {
                    let proof = tree.consistency(old).unwrap();
                    assert!(consistency_holds(old, &edge.root(), size, &root, &proof), "{old} in {size}");
                    assert!(old == size || !consistency_holds(old, &[0; 32], size, &root, &proof));
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
