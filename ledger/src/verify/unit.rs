//! The part of an audit that runs in parallel: a few bundles, each against its leaf tile, each entry against its form.

use std::collections::BTreeMap;

use crate::entry::Entry;
use crate::fault::ReadError;
use crate::merkle::{Hash, leaf_hash};
use crate::resource::{FULL, Resource};
use crate::tree::Source;
use crate::wal::frame::Entries;

/// Bundles in a unit.
const BUNDLES: u64 = 4;

/// How many units a log of this size has.
pub(super) fn count(size: u64) -> u64 {
    size.div_ceil(BUNDLES.saturating_mul(u64::from(FULL)))
}

/// The size up to which so many units reach.
pub(super) fn end(units: u64, size: u64) -> u64 {
    units.saturating_mul(BUNDLES).saturating_mul(u64::from(FULL)).min(size)
}

/// What the check of the order needs of an entry.
pub(super) struct Recorded {
    pub(super) index: u64,
    pub(super) time: u64,
    pub(super) entry: Entry,
}

#[derive(Default)]
pub(super) struct Unit {
    /// The leaf hashes of each bundle, made from its entries.
    pub(super) tiles: Vec<Vec<Hash>>,
    pub(super) records: Vec<Recorded>,
    pub(super) kinds: BTreeMap<&'static str, u64>,
    pub(super) bytes: u64,
    pub(super) faults: Vec<(String, String)>,
}

pub(super) fn read_unit(source: &dyn Source, size: u64, number: u64) -> Result<Unit, ReadError> {
    let mut unit = Unit::default();
    let first = number.saturating_mul(BUNDLES);
    for index in first..first.saturating_add(BUNDLES) {
        let (Some(entries), Some(hashes)) =
            (Resource::entries(index, size), Resource::hashes(0, index, size))
        else {
            return Ok(unit);
        };
        let (bundle, tile) = (fetch(source, entries)?, fetch(source, hashes)?);
        unit.bundle(index, entries, &bundle, &tile);
    }
    Ok(unit)
}

/// The bytes of a resource, cut to its width where the full file stands in for a partial one.
pub(super) fn fetch(source: &dyn Source, resource: Resource) -> Result<Vec<u8>, ReadError> {
    let missing = || ReadError::Corrupt(source.name(resource), "the file is missing".to_owned());
    if let Some(bytes) = source.get(resource)? {
        return Ok(bytes);
    }
    let mut bytes = source.get(resource.full())?.ok_or_else(missing)?;
    let width = match resource {
        Resource::Checkpoint => return Ok(bytes),
        Resource::Hashes { width, .. } => usize::from(width).saturating_mul(32),
        Resource::Entries { width, .. } => Entries(&bytes)
            .flatten()
            .take(usize::from(width))
            .map(|entry| entry.len().saturating_add(2))
            .sum(),
    };
    bytes.truncate(width);
    Ok(bytes)
}

impl Unit {
    fn bundle(&mut self, index: u64, resource: Resource, bundle: &[u8], tile: &[u8]) {
        let Resource::Entries { width, .. } = resource else { return };
        let first = index.saturating_mul(u64::from(FULL));
        let mut leaves = Vec::with_capacity(usize::from(width));
        for (place, entry) in (first..).zip(Entries(bundle)) {
            let Some(entry) = entry else {
                self.faults.push((resource.path(), "its last entry is cut short".to_owned()));
                break;
            };
            leaves.push(leaf_hash(entry));
            self.bytes = self.bytes.saturating_add(u64::try_from(entry.len()).unwrap_or(0));
            match Entry::read(entry) {
                Ok((stamps, entry)) => {
                    let count = self.kinds.entry(entry.kind()).or_default();
                    *count = count.saturating_add(1);
                    self.records.push(Recorded { index: place, time: stamps.time, entry });
                }
                Err(why) => self.faults.push((format!("entry {place}"), why.to_string())),
            }
        }
        if leaves.len() != usize::from(width) {
            let what = format!("it holds {} entries, of {width}", leaves.len());
            self.faults.push((resource.path(), what));
        }
        if leaves.concat() != tile {
            let hashes = Resource::Hashes { level: 0, index, width };
            self.faults.push((hashes.path(), "its hashes are not those of the bundle's entries".to_owned()));
        }
        self.tiles.push(leaves);
    }
}
