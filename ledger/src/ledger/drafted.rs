//! A decision whose entry is encoded already, but for its time. So a caller knows that the log can hold a decision before it does
//! anything that it cannot undo, and nobody encodes the entry twice.

use super::draft_of;
use super::queue::JobKind;
use crate::entry::Decision;
use crate::entry::encoding::EntryDraft;
use crate::fault::RecordError;

/// A decision with the bytes of its entry.
#[derive(Debug)]
pub struct DraftedDecision {
    decision: Box<Decision>,
    draft: EntryDraft,
}

impl DraftedDecision {
    /// Encodes the entry of this decision. If the log cannot hold it, the decision is given back.
    pub fn of(decision: Box<Decision>) -> Result<Self, (Box<Decision>, RecordError)> {
        match draft_of(|nonce| EntryDraft::new(&*decision, nonce)) {
            Ok(draft) => Ok(Self { decision, draft }),
            Err(refused) => Err((decision, refused)),
        }
    }

    /// The decision.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The decision, to be changed.
    #[must_use]
    pub fn into_decision(self) -> Box<Decision> {
        self.decision
    }

    pub(crate) fn into_parts(self) -> (EntryDraft, JobKind) {
        (self.draft, JobKind::of_decision(self.decision))
    }
}
