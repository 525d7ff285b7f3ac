//! Audits a published log from outside. It trusts only the verification key that the auditor provides.
//!
//! It reads every entry, builds every tile again from the entries and compares it. It checks each entry by itself
//! (`entry_form`), and the entries in their order (`entry_order`). It needs no bundle: that the judge's verdicts are right
//! is proved by judging again, which this crate cannot.
//!
//! It uses all cores. Its memory grows by 8 bytes for each entry (`decisions`), and with the uses that have not expired
//! (`uses`), the facts in force (`facts_in_force`) and the chains of the last million entries (`terms`); entries themselves are kept only for a few bundles a thread.

mod bundles;
mod decisions;
mod entry_form;
mod entry_order;
mod facts_in_force;
mod forward;
mod terms;
#[cfg(test)]
mod tests;
mod upper_tiles;
mod uses;

pub use entry_form::LEEWAY_AT_MOST_SECONDS;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::fault::ReadError;
use crate::merkle::Hash;
use crate::note::{SignedCheckpoint, VerifyingKey};
use crate::published_file::PublishedFile;
use crate::tree::{Listed, LogSource, MerkleTree};
use bundles::{BundleGroup, read_group};
use entry_order::OrderCheck;
use upper_tiles::UpperTiles;

/// How many faults a report lists.
const FAULTS_AT_MOST: usize = 100;

/// How many groups of bundles each thread reads before their entries are checked in order. This limits the memory.
const GROUPS_A_THREAD: usize = 4;

/// Something that is wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFault {
    /// The file or the entry.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// The log's name.
    pub origin: String,
    /// The size that was audited.
    pub size: u64,
    /// The bytes of all entries.
    pub bytes: u64,
    /// The number of entries of each kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// How many allows were checked against the facts before them.
    pub allows: u64,
    /// The witnesses that cosigned.
    pub witnesses: Vec<String>,
    /// The faults, at most a hundred of them.
    pub faults: Vec<AuditFault>,
}

impl AuditReport {
    /// Whether the audit found no fault.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty() && self.size > 0
    }

    fn add_fault(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.faults.len() < FAULTS_AT_MOST {
            self.faults.push(AuditFault { place: place.into(), what: what.into() });
        }
    }

    fn add_entry_fault(&mut self, index: u64, what: impl Into<String>) {
        self.add_fault(format!("entry {index}"), what);
    }
}

/// The settings of an audit.
#[derive(Clone, Copy)]
pub struct Auditor<'a> {
    /// The log's key, from a source that the auditor trusts; never from the log itself.
    pub log: &'a VerifyingKey,
    /// Witnesses whose signatures, if they are present, must be valid.
    pub witnesses: &'a [VerifyingKey],
    /// A checkpoint that the auditor kept from an earlier time. The log must continue it.
    pub previous: Option<&'a [u8]>,
    /// How many threads; 0 for one for each core.
    pub threads: usize,
    /// Called with the number of entries that are done, and of all entries.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

impl std::fmt::Debug for Auditor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auditor").field("log", &self.log.name()).finish_non_exhaustive()
    }
}

impl Auditor<'_> {
    /// Audits a published log. An error means that the log could not be read; the report lists its faults.
    pub fn audit(&self, source: &dyn LogSource) -> Result<AuditReport, ReadError> {
        let mut report = AuditReport { origin: self.log.name().to_owned(), ..AuditReport::default() };
        let name = source.name(PublishedFile::Checkpoint).display().to_string();
        let Some(note) = source.get(PublishedFile::Checkpoint)? else {
            return Err(ReadError::Corrupt(
                source.name(PublishedFile::Checkpoint),
                "the checkpoint is missing".to_owned(),
            ));
        };
        let signed = match SignedCheckpoint::parse(&note, self.log, self.witnesses) {
            Ok(signed) => signed,
            Err(fault) => {
                report.add_fault(name, fault.to_string());
                return Ok(report);
            }
        };
        report.size = signed.checkpoint().size;
        report.witnesses = signed.cosigners().iter().map(|cosigned| cosigned.witness.clone()).collect();
        if report.size == 0 {
            report.add_fault(name, "the checkpoint has size 0, but every log has at least one entry");
            return Ok(report);
        }
        let tree = MerkleTree::new(source, report.size);
        self.check_entries(&tree, source, &mut report)?;
        match tree.root() {
            Ok(root) if root == signed.checkpoint().root => {}
            Ok(_) => report.add_fault(
                name,
                "the root computed from the entries differs from the root in the checkpoint",
            ),
            Err(error) => report.add_fault(name, error.to_string()),
        }
        self.check_previous(&tree, &mut report);
        source.listing(&mut |listed| match listed {
            Listed::Partial(file, bytes) => check_partial(&tree, file, bytes, &mut report),
            Listed::Foreign(path) => {
                report.add_fault(path.display().to_string(), "this name is not part of a log's layout");
            }
        })?;
        Ok(report)
    }

    /// Checks that the log continues the checkpoint that the auditor kept.
    fn check_previous(&self, tree: &MerkleTree<'_>, report: &mut AuditReport) {
        let Some(note) = self.previous else { return };
        let what = match SignedCheckpoint::parse(note, self.log, self.witnesses) {
            Err(fault) => fault.to_string(),
            Ok(signed) => {
                let old = signed.checkpoint();
                match tree.edge(old.size) {
                    _ if old.size > report.size => {
                        format!("it names {} entries, but the log has {}", old.size, report.size)
                    }
                    Ok(edge) if edge.root() == old.root => return,
                    Ok(_) => format!("the log has another root at size {}: it was rewritten", old.size),
                    Err(error) => error.to_string(),
                }
            }
        };
        report.add_fault("the previous checkpoint", what);
    }

    /// Reads and checks all entries, several groups of bundles at a time: the groups in parallel, their entries in order.
    fn check_entries(
        &self,
        tree: &MerkleTree<'_>,
        source: &dyn LogSource,
        report: &mut AuditReport,
    ) -> Result<(), ReadError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = if self.threads == 0 { cores } else { self.threads };
        let at_once = threads.saturating_mul(GROUPS_A_THREAD);
        let mut upper = UpperTiles::new(source, report.size);
        let mut order = OrderCheck::new(self.log);
        let mut first = 0;
        while first < bundles::count(report.size) {
            let groups = self.read_groups(source, report.size, first, at_once, threads)?;
            for group in groups {
                report.bytes = report.bytes.saturating_add(group.bytes);
                for (kind, count) in group.kinds {
                    let sum = report.kinds.entry(kind).or_default();
                    *sum = sum.saturating_add(count);
                }
                for (place, what) in group.faults {
                    report.add_fault(place, what);
                }
                for tile in group.tiles {
                    upper.add(tile, report)?;
                }
                order.check_all(group.records, report);
            }
            first = first.saturating_add(u64::try_from(at_once).unwrap_or(u64::MAX));
            (self.progress)(bundles::end(first, report.size), report.size);
        }
        upper.finish(report)?;
        order.finish(tree, report)
    }

    fn read_groups(
        &self,
        source: &dyn LogSource,
        size: u64,
        first: u64,
        count: usize,
        threads: usize,
    ) -> Result<Vec<BundleGroup>, ReadError> {
        let next = AtomicUsize::new(0);
        let done: Mutex<BTreeMap<usize, Result<BundleGroup, ReadError>>> = Mutex::default();
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let number = u64::try_from(place).ok().and_then(|place| first.checked_add(place));
                let Some(number) = number.filter(|number| place < count && *number < bundles::count(size))
                else {
                    return;
                };
                let group = read_group(source, size, number);
                done.lock().unwrap_or_else(PoisonError::into_inner).insert(place, group);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
    }
}

/// Checks a partial file that the current checkpoint does not need. Older checkpoints may need it, so it must be right.
fn check_partial(tree: &MerkleTree<'_>, file: PublishedFile, bytes: &[u8], report: &mut AuditReport) {
    let now = match file {
        PublishedFile::Checkpoint => return,
        PublishedFile::Hashes { level, index, .. } => PublishedFile::hashes(level, index, tree.size()),
        PublishedFile::Entries { index, .. } => PublishedFile::entries(index, tree.size()),
    };
    // A file beyond this checkpoint belongs to the next one, which the writer of the log is about to publish.
    if now.is_none_or(|now| now < file) {
        return;
    }
    let held = match file {
        PublishedFile::Checkpoint => return,
        PublishedFile::Hashes { level, index, width } => {
            tree.tile(level, index).map(|tile| tile.get(..usize::from(width)).map(<[Hash]>::concat))
        }
        PublishedFile::Entries { index, width } => {
            tree.bundle(index).map(|bundle| bundle.prefix(usize::from(width)))
        }
    };
    if !matches!(&held, Ok(Some(whole)) if whole == bytes) {
        report.add_fault(file.path(), "this partial file is not the beginning of the full file");
    }
}
