//! Audits a part of a published log: its entries are in the log of the checkpoint, each has the form of its kind, times never go
//! back, and the terms that a decision names are said where it says.
//!
//! What holds only over all entries cannot be proved from a part: limits of uses, unique ids, the facts before a decision, and
//! that nothing is missing outside the part.

use super::bundles::BundleGroup;
use super::terms::SaidTerms;
use super::{AuditReport, Auditor};
use crate::entry::{Decision, Entry};
use crate::fault::ReadError;
use crate::merkle::{Hash, subtree_root};
use crate::part::{Part, is_full};
use crate::published_file::{FULL, PublishedFile};
use crate::tree::{LEVELS, LogSource, MerkleTree, published_bytes};

impl Auditor<'_> {
    /// Audits a part of a published log. `bytes` and `kinds` of the report are those of the part's own entries. An error means
    /// that the part could not be read; the report lists its faults.
    pub fn audit_part(&self, source: &dyn LogSource, part: &Part) -> Result<AuditReport, ReadError> {
        let mut report = AuditReport::default();
        let Some(signed) = self.open_checkpoint(source, &mut report)? else { return Ok(report) };
        let name = source.name(PublishedFile::Checkpoint).display().to_string();
        if report.size != part.size() {
            let what =
                format!("it names {} entries, but the part is of a log of {}", report.size, part.size());
            report.add_fault(name, what);
            return Ok(report);
        }
        check_tiles(source, part, &signed.checkpoint().root, &mut report)?;
        self.check_bundles(source, part, &mut report)?;
        Ok(report)
    }

    fn check_bundles(
        &self,
        source: &dyn LogSource,
        part: &Part,
        report: &mut AuditReport,
    ) -> Result<(), ReadError> {
        let (own, mut time, mut terms, mut done) = (part.entries(), 0, SaidTerms::default(), 0_u64);
        for index in part.bundles() {
            let (Some(entries), Some(hashes)) =
                (PublishedFile::entries(index, part.size()), PublishedFile::hashes(0, index, part.size()))
            else {
                return Ok(());
            };
            let mut group = BundleGroup::default();
            group.check_bundle(
                index,
                entries,
                &published_bytes(source, entries)?,
                &published_bytes(source, hashes)?,
            );
            for (place, what) in group.faults {
                report.add_fault(place, what);
            }
            for record in group.records {
                let is_own = own.contains(&record.index);
                if is_own {
                    let count = report.kinds.entry(record.entry.kind()).or_default();
                    *count = count.saturating_add(1);
                }
                if record.stamps.time < time {
                    report
                        .add_entry_fault(record.index, "its time is earlier than that of an entry before it");
                }
                time = record.stamps.time;
                if let Entry::Decision(decision) = &record.entry
                    && (is_own || says_terms(decision))
                {
                    terms.add(record.index, decision, report);
                }
            }
            if own.contains(&index.saturating_mul(u64::from(FULL))) {
                report.bytes = report.bytes.saturating_add(group.bytes);
                done = done.saturating_add(u64::from(FULL));
                (self.progress)(done.min(part.size()), own.end.saturating_sub(own.start));
            }
        }
        Ok(())
    }
}

/// The part need not have the entries that decisions outside of it name.
fn says_terms(decision: &Decision) -> bool {
    decision.terms.said_at().is_none()
}

/// Checks that every tile of the part is in the tree with this root: a full tile's root is in the tile above it, and what the
/// root is computed from are the partial tiles.
fn check_tiles(
    source: &dyn LogSource,
    part: &Part,
    root: &Hash,
    report: &mut AuditReport,
) -> Result<(), ReadError> {
    let tree = MerkleTree::new(source, part.size());
    let computed = tree.root()?;
    if computed != *root {
        report.add_fault(
            source.name(PublishedFile::Checkpoint).display().to_string(),
            "the root computed from the tiles differs from the root in the checkpoint",
        );
    }
    for file in part.files() {
        let PublishedFile::Hashes { level, index, .. } = file else { continue };
        let tile = tree.tile(level, index)?;
        if published_bytes(source, file)? != tile.concat() {
            report.add_fault(file.path(), "it has bytes after its hashes");
        }
        let above = level.saturating_add(1);
        if !is_full(file) || above >= LEVELS {
            continue;
        }
        let place = usize::try_from(index & 0xff).unwrap_or(usize::MAX);
        if tree.tile(above, index >> 8)?.get(place) != Some(&subtree_root(&tile)) {
            report.add_fault(file.path(), "its hashes do not match the tile above it");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{Edge, leaf_hash};
    use crate::publish::TileBuilder;
    use crate::tree::tests::Memory;
    use std::collections::BTreeMap;

    /// A log of this size with all its tiles, and its root.
    fn log(size: u64) -> (BTreeMap<PublishedFile, Vec<u8>>, Hash) {
        let (mut builder, mut edge, mut files) = (TileBuilder::default(), Edge::default(), BTreeMap::new());
        for index in 0..size {
            let entry = index.to_be_bytes();
            edge.append(leaf_hash(&entry));
            builder.add(&entry, leaf_hash(&entry), &mut |file, bytes| drop(files.insert(file, bytes)));
        }
        builder.partials(&mut |file, bytes| drop(files.insert(file, bytes)));
        (files, edge.root())
    }

    /// The files of a part, and nothing else.
    fn cut(files: &BTreeMap<PublishedFile, Vec<u8>>, part: &Part) -> BTreeMap<PublishedFile, Vec<u8>> {
        part.files().into_iter().map(|file| (file, files[&file].clone())).collect()
    }

    fn faults(files: BTreeMap<PublishedFile, Vec<u8>>, part: &Part, root: &Hash) -> usize {
        let mut report = AuditReport::default();
        match check_tiles(&Memory(files), part, root, &mut report) {
            Ok(()) => report.faults.len(),
            Err(_) => 1,
        }
    }

    #[test]
    fn the_files_of_a_part_prove_it_at_every_size_and_no_changed_byte_of_a_tile_is_accepted() {
        let mut changed = 0;
        for size in [1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_049] {
            let (files, root) = log(size);
            for entry in [0, size / 2, size - 1] {
                let mut part = Part::around(entry, entry, size).unwrap();
                part.add_earlier(0);
                let cut = cut(&files, &part);
                assert_eq!(faults(cut.clone(), &part, &root), 0, "{entry} of {size}");
                assert_ne!(faults(cut.clone(), &part, &[0; 32]), 0, "another root");
                for file in cut.keys().filter(|file| matches!(file, PublishedFile::Hashes { .. })) {
                    for at in [0, cut[file].len() - 1] {
                        let mut files = cut.clone();
                        files.get_mut(file).unwrap()[at] ^= 1;
                        assert_ne!(faults(files, &part, &root), 0, "{} of {size}", file.path());
                        changed += 1;
                    }
                    let mut files = cut.clone();
                    files.get_mut(file).unwrap().extend([0; 32]);
                    assert_ne!(faults(files, &part, &root), 0, "{} is longer", file.path());
                }
            }
        }
        assert!(changed > 100, "{changed}");
    }
}
