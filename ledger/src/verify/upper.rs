//! The levels above the leaves, made again from below and compared with what is published.

use super::Report;
use super::unit::fetch;
use crate::fault::ReadError;
use crate::merkle::{Hash, subtree_root};
use crate::resource::{FULL, Resource};
use crate::tree::Source;

pub(super) struct Upper<'a> {
    source: &'a dyn Source,
    size: u64,
    /// The unfinished tile of each level from 1 on, and how many were finished before it.
    levels: Vec<(u64, Vec<Hash>)>,
}

impl<'a> Upper<'a> {
    pub(super) fn new(source: &'a dyn Source, size: u64) -> Self {
        Self { source, size, levels: Vec::new() }
    }

    /// Takes the next leaf tile; only full ones are hashed into the level above.
    pub(super) fn add(&mut self, leaves: Vec<Hash>, report: &mut Report) -> Result<(), ReadError> {
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
            self.compare(place, finished, &full, report)?;
        }
        Ok(())
    }

    /// Compares the partial tiles of the right edge.
    pub(super) fn finish(self, report: &mut Report) -> Result<(), ReadError> {
        for (place, (index, tile)) in self.levels.iter().enumerate() {
            if !tile.is_empty() {
                self.compare(place, *index, tile, report)?;
            }
        }
        Ok(())
    }

    fn compare(&self, place: usize, index: u64, tile: &[Hash], report: &mut Report) -> Result<(), ReadError> {
        let level = u8::try_from(place.saturating_add(1)).unwrap_or(u8::MAX);
        let Some(resource) = Resource::hashes(level, index, self.size) else { return Ok(()) };
        if fetch(self.source, resource)? != tile.concat() {
            report.fault(resource.path(), "its hashes are not those of the tiles below");
        }
        Ok(())
    }
}
