//! A warrant as this server's entries record it, and which entry said its terms last. The next entries then only name that one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::entry::{EarlierTerms, RecordedChain, RecordedTerms, TERMS_WITHIN};

use crate::record::RecordedWarrant;

/// The terms are said again after so many entries. An audit accepts sixteen times as many: an entry may wait for the writer
/// while others are written, but never for so many.
const SAID_AGAIN_AFTER: u64 = TERMS_WITHIN / 16;

/// No entry has said the terms yet.
const NOWHERE: u64 = u64::MAX;

/// Cheap to clone. Clones share which entry said the terms.
#[derive(Clone, Debug)]
pub(super) struct WarrantInLog {
    recorded: RecordedWarrant,
    said_at: Arc<AtomicU64>,
    said_again_after: u64,
}

impl WarrantInLog {
    pub(super) fn new(recorded: RecordedWarrant) -> WarrantInLog {
        WarrantInLog::said_again_after(recorded, SAID_AGAIN_AFTER)
    }

    fn said_again_after(recorded: RecordedWarrant, entries: u64) -> WarrantInLog {
        WarrantInLog { recorded, said_at: Arc::new(AtomicU64::new(NOWHERE)), said_again_after: entries }
    }

    /// The chain and the terms for an entry whose judge read the log up to this size.
    pub(super) fn recorded(&self, as_of: u64) -> (RecordedChain, RecordedTerms) {
        let RecordedWarrant { chain, terms } = self.recorded.clone();
        let index = self.said_at.load(Ordering::Acquire);
        let is_near = index != NOWHERE && as_of.saturating_sub(index) < self.said_again_after;
        let terms = if is_near {
            RecordedTerms::SameAs(EarlierTerms { index, known: Some(terms) })
        } else {
            RecordedTerms::Whole(terms)
        };
        (chain, terms)
    }

    /// The entry at this index says the terms, and is durable. Before that nothing may refer to it.
    pub(super) fn note_said_at(&self, index: u64) {
        // Several may say them at once; the last one is the nearest.
        let _ = self.said_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, |before| {
            (before == NOWHERE || before < index).then_some(index)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_named_once_they_are_durable_and_said_again_after_so_many_entries() {
        let warrant = WarrantInLog::said_again_after(RecordedWarrant::default(), 100);
        let said_at = |as_of| warrant.clone().recorded(as_of).1.said_at();
        assert_eq!(said_at(7), None);
        warrant.note_said_at(7);
        assert_eq!((said_at(5), said_at(8), said_at(106), said_at(107)), (Some(7), Some(7), Some(7), None));
        warrant.note_said_at(120);
        warrant.note_said_at(119);
        assert_eq!((said_at(121), said_at(219), said_at(220)), (Some(120), Some(120), None));
    }

    #[test]
    fn the_terms_are_said_again_long_before_an_audit_forgets_them() {
        let warrant = WarrantInLog::new(RecordedWarrant::default());
        warrant.note_said_at(0);
        assert_eq!(warrant.recorded(65_535).1.said_at(), Some(0));
        assert_eq!(warrant.recorded(65_536).1.said_at(), None);
        assert_eq!(TERMS_WITHIN, 1_048_576);
    }
}
