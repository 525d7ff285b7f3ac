//! Callers that wait for entries that are durable, and are yet to be told.

use super::{Done, Receipt};
use crate::fault::Refused;

/// In the order of their entries.
#[derive(Default)]
pub(crate) struct Answers {
    waiting: Vec<(Done, Receipt)>,
}

impl Answers {
    pub(crate) fn push(&mut self, done: Done, receipt: Receipt) {
        self.waiting.push((done, receipt));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.waiting.extend(more.waiting);
    }

    pub(crate) fn give(self, answer: impl Fn(Receipt) -> Result<Receipt, Refused>) {
        for (done, receipt) in self.waiting {
            done(answer(receipt));
        }
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answers({})", self.waiting.len())
    }
}
