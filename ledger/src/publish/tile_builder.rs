//! Builds tiles and bundles in memory: entries go in, the bytes of files come out. It does no I/O.

use crate::merkle::{Hash, subtree_root};
use crate::published_file::{FULL, PublishedFile};

/// The unfinished tile of each level and the unfinished bundle.
#[derive(Clone, Debug, Default)]
pub(crate) struct TileBuilder {
    size: u64,
    bundle: Vec<u8>,
    levels: Vec<Vec<Hash>>,
}

/// Receives the name and the bytes of a file.
pub(crate) type Emit<'a> = &'a mut dyn FnMut(PublishedFile, Vec<u8>);

impl TileBuilder {
    /// Continues at a size that is a multiple of 256, where the leaf tile and the bundle are empty.
    pub(crate) fn resume(size: u64, levels: Vec<Vec<Hash>>) -> Self {
        Self { size, bundle: Vec::new(), levels }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds one entry and emits every tile and bundle that it fills.
    pub(crate) fn add(&mut self, entry: &[u8], leaf: Hash, emit: Emit<'_>) {
        let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        self.bundle.extend_from_slice(&length.to_be_bytes());
        self.bundle.extend_from_slice(entry);
        let index = self.size >> 8;
        self.size = self.size.saturating_add(1);
        if self.size & 0xff == 0 {
            emit(PublishedFile::Entries { index, width: FULL }, std::mem::take(&mut self.bundle));
        }
        let mut node = leaf;
        for level in 0_u8.. {
            let Some(tile) = self.level(level) else { return };
            tile.push(node);
            if tile.len() < usize::from(FULL) {
                return;
            }
            let full = std::mem::take(tile);
            node = subtree_root(&full);
            let nodes = self.size.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0);
            let index = (nodes >> 8).saturating_sub(1);
            emit(PublishedFile::Hashes { level, index, width: FULL }, full.concat());
        }
    }

    fn level(&mut self, level: u8) -> Option<&mut Vec<Hash>> {
        let place = usize::from(level);
        if place >= self.levels.len() {
            self.levels.resize(place.checked_add(1)?, Vec::new());
        }
        self.levels.get_mut(place)
    }

    /// Emits the partial tiles and the partial bundle of the current size.
    pub(crate) fn partials(&self, emit: Emit<'_>) {
        for (level, tile) in (0_u8..).zip(&self.levels) {
            let file = PublishedFile::hashes(level, self.last_tile(level), self.size);
            if let (Some(file), false) = (file, tile.is_empty()) {
                emit(file, tile.concat());
            }
        }
        if let (Some(file), false) =
            (PublishedFile::entries(self.size >> 8, self.size), self.bundle.is_empty())
        {
            emit(file, self.bundle.clone());
        }
    }

    fn last_tile(&self, level: u8) -> u64 {
        self.size.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0) >> 8
    }
}
