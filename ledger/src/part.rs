//! A part of a published log: which entries it holds, and which files prove that they are in the log of a checkpoint.
//!
//! Entries are kept in bundles of 256, so a part consists of whole bundles. A decision may name an earlier decision for the
//! terms of its warrant: the bundle of that one belongs to the part too, so that each decision can be read from the part alone.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::layout::TILE_WIDTH;
use crate::published_file::{FULL, PublishedFile};
use crate::tree::LEVELS;

/// Some entry bundles of the log that a checkpoint of this size names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    size: u64,
    bundles: Range<u64>,
    earlier: BTreeSet<u64>,
}

impl Part {
    /// The bundles with the entries from `first` to `last`. `None` if the log of this size does not have these entries.
    #[must_use]
    pub fn around(first: u64, last: u64, size: u64) -> Option<Self> {
        let bundles = first / TILE_WIDTH..(last / TILE_WIDTH).saturating_add(1);
        (first <= last && last < size).then_some(Self { size, bundles, earlier: BTreeSet::new() })
    }

    /// Adds the bundle with an entry that a decision of this part names.
    pub fn add_earlier(&mut self, entry: u64) {
        let bundle = entry / TILE_WIDTH;
        if bundle < self.bundles.start {
            self.earlier.insert(bundle);
        }
    }

    /// How many entries the whole log has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The entries of this part, without those that are there only because a decision names them.
    #[must_use]
    pub fn entries(&self) -> Range<u64> {
        let end = self.bundles.end.saturating_mul(TILE_WIDTH).min(self.size);
        self.bundles.start.saturating_mul(TILE_WIDTH)..end
    }

    /// The bundles that are there only because a decision names one of their entries.
    #[must_use]
    pub fn earlier(&self) -> &BTreeSet<u64> {
        &self.earlier
    }

    /// All bundles in the order of the log.
    pub fn bundles(&self) -> impl Iterator<Item = u64> {
        self.earlier.iter().copied().chain(self.bundles.clone())
    }

    /// Every file of the part, without the checkpoint: the bundles, the tiles above each of them up to the root, and the tiles
    /// of the tree's right edge, which the root is computed from.
    #[must_use]
    pub fn files(&self) -> BTreeSet<PublishedFile> {
        let mut files = BTreeSet::new();
        for bundle in self.bundles() {
            files.extend(PublishedFile::entries(bundle, self.size));
            let mut index = bundle;
            for level in 0..LEVELS {
                files.extend(PublishedFile::hashes(level, index, self.size));
                index /= TILE_WIDTH;
            }
        }
        for level in 0..LEVELS {
            let nodes = self.size.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0);
            let edge = PublishedFile::hashes(level, nodes / TILE_WIDTH, self.size);
            files.extend(edge.filter(|edge| !is_full(*edge)));
        }
        files
    }
}

/// Whether the node above this tile is in a tile of the next level.
pub(crate) fn is_full(tile: PublishedFile) -> bool {
    matches!(tile, PublishedFile::Hashes { width: FULL, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(part: &Part) -> Vec<String> {
        part.files().into_iter().map(PublishedFile::path).collect()
    }

    #[test]
    fn a_part_has_whole_bundles_and_the_tiles_from_each_of_them_to_the_root() {
        let part = Part::around(300, 300, 300_000).unwrap();
        assert_eq!((part.entries(), part.bundles().collect()), (256..512, vec![1]));
        assert_eq!(
            paths(&part),
            [
                "tile/0/001",
                "tile/0/x001/171.p/224",
                "tile/1/000",
                "tile/1/004.p/147",
                "tile/2/000.p/4",
                "tile/entries/001"
            ]
        );
        let last = Part::around(299_999, 299_999, 300_000).unwrap();
        assert_eq!(last.entries(), 299_776..300_000);
        assert_eq!(Part::around(0, 0, 1).unwrap().files().len(), 2, "one bundle and its leaf tile");
    }

    #[test]
    fn an_earlier_entry_brings_its_bundle_unless_the_part_has_it() {
        let mut part = Part::around(700, 800, 1000).unwrap();
        let without = part.files().len();
        part.add_earlier(513);
        assert!(part.earlier().is_empty(), "entry 513 is in the bundle of entry 700");
        part.add_earlier(3);
        part.add_earlier(4);
        assert_eq!((part.bundles().collect(), part.entries()), (vec![0, 2, 3], 512..1000));
        assert_eq!(part.files().len(), without + 2, "its bundle and its leaf tile");
    }

    #[test]
    fn a_part_is_within_its_log() {
        assert_eq!(Part::around(0, 5, 5), None);
        assert_eq!(Part::around(3, 2, 5), None);
        assert_eq!(Part::around(0, 0, 0), None);
        assert!(Part::around(u64::MAX, u64::MAX, u64::MAX).is_none());
    }
}
