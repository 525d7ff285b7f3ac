//! Checks bundles of entries against their leaf tiles, and each entry by itself: its canonical form, and what it must be.
//! Runs in parallel.

use std::collections::BTreeMap;

use super::entry_form;
use crate::entry::Entry;
use crate::fault::ReadError;
use crate::ledger::RecordedEntry;
use crate::merkle::{Hash, leaf_hash};
use crate::published_file::{FULL, PublishedFile};
use crate::tree::{LogSource, published_bytes};
use crate::wal::frame::Entries;

/// The number of bundles in a group.
const BUNDLES: u64 = 4;

/// How many groups a log of this size has.
pub(super) fn count(size: u64) -> u64 {
    size.div_ceil(BUNDLES.saturating_mul(u64::from(FULL)))
}

/// The size of the log at the end of this many groups.
pub(super) fn end(groups: u64, size: u64) -> u64 {
    groups.saturating_mul(BUNDLES).saturating_mul(u64::from(FULL)).min(size)
}

#[derive(Default)]
pub(super) struct BundleGroup {
    /// The leaf hashes of each bundle, computed from its entries.
    pub(super) tiles: Vec<Vec<Hash>>,
    pub(super) records: Vec<RecordedEntry>,
    pub(super) kinds: BTreeMap<&'static str, u64>,
    pub(super) bytes: u64,
    pub(super) faults: Vec<(String, String)>,
}

pub(super) fn read_group(source: &dyn LogSource, size: u64, number: u64) -> Result<BundleGroup, ReadError> {
    let mut group = BundleGroup::default();
    let first = number.saturating_mul(BUNDLES);
    for index in first..first.saturating_add(BUNDLES) {
        let (Some(entries), Some(hashes)) =
            (PublishedFile::entries(index, size), PublishedFile::hashes(0, index, size))
        else {
            return Ok(group);
        };
        let (bundle, tile) = (published_bytes(source, entries)?, published_bytes(source, hashes)?);
        group.check_bundle(index, entries, &bundle, &tile);
    }
    Ok(group)
}

impl BundleGroup {
    /// Checks one bundle against its leaf tile, and each of its entries by itself.
    pub(super) fn check_bundle(&mut self, index: u64, file: PublishedFile, bundle: &[u8], tile: &[u8]) {
        let PublishedFile::Entries { width, .. } = file else { return };
        let first = index.saturating_mul(u64::from(FULL));
        let mut leaves = Vec::with_capacity(usize::from(width));
        for (place, entry) in (first..).zip(Entries(bundle)) {
            let Some(entry) = entry else {
                self.faults.push((file.path(), "its last entry is cut short".to_owned()));
                break;
            };
            leaves.push(leaf_hash(entry));
            self.bytes = self.bytes.saturating_add(u64::try_from(entry.len()).unwrap_or(0));
            match Entry::read(entry) {
                Ok((stamps, entry)) => {
                    let count = self.kinds.entry(entry.kind()).or_default();
                    *count = count.saturating_add(1);
                    for what in entry_form::faults(place, stamps, &entry) {
                        self.faults.push((format!("entry {place}"), what));
                    }
                    self.records.push(RecordedEntry { index: place, stamps, entry });
                }
                Err(why) => self.faults.push((format!("entry {place}"), why.to_string())),
            }
        }
        if leaves.len() != usize::from(width) {
            let what = format!("it has {} entries, expected {width}", leaves.len());
            self.faults.push((file.path(), what));
        }
        if leaves.concat() != tile {
            let hashes = PublishedFile::Hashes { level: 0, index, width };
            self.faults.push((hashes.path(), "its hashes do not match the entries of the bundle".to_owned()));
        }
        self.tiles.push(leaves);
    }
}
