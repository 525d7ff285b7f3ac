//! Computes the tiles above the leaf level from the leaf tiles, and compares them with the published tiles.

use super::AuditReport;
use crate::fault::ReadError;
use crate::merkle::{Hash, subtree_root};
use crate::published_file::{FULL, PublishedFile};
use crate::tree::{LogSource, published_bytes};

pub(super) struct UpperTiles<'a> {
    source: &'a dyn LogSource,
    size: u64,
    /// For each level from 1 on: how many tiles are finished, and the unfinished tile.
    levels: Vec<(u64, Vec<Hash>)>,
}

impl<'a> UpperTiles<'a> {
    pub(super) fn new(source: &'a dyn LogSource, size: u64) -> Self {
        Self { source, size, levels: Vec::new() }
    }

    /// Adds the next leaf tile. Only full tiles are hashed into the level above.
    pub(super) fn add(&mut self, leaves: Vec<Hash>, report: &mut AuditReport) -> Result<(), ReadError> {
        if leaves.len() < usize::from(FULL) {
            return Ok(());
        }
        let mut node = subtree_root(&leaves);
        for place in 0.. {
            if place >= self.levels.len() {
                self.levels.push((0, Vec::new()));
            }
            let Some((index, tile)) = self.levels.get_mut(place) else { return Ok(()) };
            tile.push(node);
            if tile.len() < usize::from(FULL) {
                return Ok(());
            }
            let full = std::mem::take(tile);
            let finished = *index;
            *index = finished.saturating_add(1);
            node = subtree_root(&full);
            self.check_tile(place, finished, &full, report)?;
        }
        Ok(())
    }

    /// Compares the partial tiles of the right edge.
    pub(super) fn finish(self, report: &mut AuditReport) -> Result<(), ReadError> {
        for (place, (index, tile)) in self.levels.iter().enumerate() {
            if !tile.is_empty() {
                self.check_tile(place, *index, tile, report)?;
            }
        }
        Ok(())
    }

    fn check_tile(
        &self,
        place: usize,
        index: u64,
        tile: &[Hash],
        report: &mut AuditReport,
    ) -> Result<(), ReadError> {
        let level = u8::try_from(place.saturating_add(1)).unwrap_or(u8::MAX);
        let Some(file) = PublishedFile::hashes(level, index, self.size) else { return Ok(()) };
        if published_bytes(self.source, file)? != tile.concat() {
            report.add_fault(file.path(), "its hashes do not match the tiles below");
        }
        Ok(())
    }
}
