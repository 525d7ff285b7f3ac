//! Callers whose entries are durable and who still wait for the answer.

use super::{Callback, Receipt};
use crate::fault::RecordError;

/// In the order of their entries.
#[derive(Default)]
pub(crate) struct WaitingCallers {
    waiting: Vec<(Callback, Receipt)>,
}

impl WaitingCallers {
    pub(crate) fn push(&mut self, done: Callback, receipt: Receipt) {
        self.waiting.push((done, receipt));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.waiting.extend(more.waiting);
    }

    pub(crate) fn answer(self, answer: impl Fn(Receipt) -> Result<Receipt, RecordError>) {
        for (done, receipt) in self.waiting {
            done(answer(receipt));
        }
    }
}

impl std::fmt::Debug for WaitingCallers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answers({})", self.waiting.len())
    }
}
