//! Which decisions the log has: finds ids that occur twice, and outcomes that belong to no earlier forward.
//!
//! Memory: 8 bytes for each entry of the log, 8 MB for a million. They hold 61 bits of a keyed hash of the decision's id.
//! Two ids may share these bits by chance, so two entries are compared themselves before a fault is reported.

use std::hash::{BuildHasher, RandomState};

use super::AuditReport;
use crate::entry::{Decision, Entry, OutcomeReport};
use crate::fault::ReadError;
use crate::tree::MerkleTree;

const IS_DECISION: u64 = 1;
const IS_FORWARD: u64 = 2;
const HAS_OUTCOME: u64 = 4;
const FLAGS: u64 = IS_DECISION | IS_FORWARD | HAS_OUTCOME;

/// How many ids are sorted at a time to find equal ones.
const SORTED_AT_A_TIME: u64 = 1 << 20;

#[derive(Default)]
pub(super) struct Decisions {
    key: RandomState,
    /// One word for each entry; zero for an entry that is not a decision.
    words: Vec<u64>,
}

impl Decisions {
    fn hash(&self, id: &str) -> u64 {
        self.key.hash_one(id) & !FLAGS
    }

    pub(super) fn add(&mut self, index: u64, decision: &Decision) {
        let Ok(place) = usize::try_from(index) else { return };
        let forward = if decision.forwards() { IS_FORWARD } else { 0 };
        let word = self.hash(&decision.id) | IS_DECISION | forward;
        // Entries that are not decisions, or that could not be read, are skipped.
        self.words.resize(place.max(self.words.len()), 0);
        self.words.push(word);
    }

    /// Joins an outcome to its decision.
    pub(super) fn end(&mut self, index: u64, outcome: &OutcomeReport, report: &mut AuditReport) {
        let hash = self.hash(&outcome.id);
        let place = usize::try_from(outcome.index).unwrap_or(usize::MAX);
        let forward = self.words.get_mut(place).filter(|word| {
            outcome.index < index && **word & !FLAGS == hash && **word & IS_FORWARD == IS_FORWARD
        });
        let Some(word) = forward else {
            let what = format!(
                "it is the outcome of entry {}, which is not an earlier forward of its id",
                outcome.index
            );
            return report.add_entry_fault(index, what);
        };
        if *word & HAS_OUTCOME != 0 && !outcome.repeat {
            let what = format!(
                "entry {} has an outcome already, but this one is not marked `repeat`",
                outcome.index
            );
            report.add_entry_fault(index, what);
        }
        *word |= HAS_OUTCOME;
    }

    /// Reports every id that occurs twice.
    pub(super) fn report_repeated_ids(
        &self,
        tree: &MerkleTree<'_>,
        report: &mut AuditReport,
    ) -> Result<(), ReadError> {
        let count = u64::try_from(self.words.len()).unwrap_or(u64::MAX);
        let parts = count.div_ceil(SORTED_AT_A_TIME).max(1);
        for part in 0..parts {
            let of_part = |(_, hash): &(u64, u64)| (hash >> 3).checked_rem(parts) == Some(part);
            let words = (0..).zip(&self.words).filter(|(_, word)| **word & IS_DECISION != 0);
            let mut ids: Vec<(u64, u64)> =
                words.map(|(index, word)| (index, word & !FLAGS)).filter(of_part).collect();
            ids.sort_unstable_by_key(|(index, hash)| (*hash, *index));
            for pair in ids.windows(2) {
                let [(first, hash), (second, other)] = pair else { continue };
                if hash == other && id_at(tree, *first)? == id_at(tree, *second)? {
                    report.add_entry_fault(
                        *second,
                        format!("its id is that of entry {first}: an id names one decision"),
                    );
                }
            }
        }
        Ok(())
    }
}

/// The id of the decision at this index, as it is recorded.
fn id_at(tree: &MerkleTree<'_>, index: u64) -> Result<Option<String>, ReadError> {
    let entry = tree.entry(index)?.and_then(|bytes| Entry::read(&bytes).ok());
    Ok(entry
        .and_then(|(_, entry)| if let Entry::Decision(decision) = entry { Some(decision.id) } else { None }))
}
