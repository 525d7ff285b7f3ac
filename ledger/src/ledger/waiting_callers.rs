//! Callers whose entries are durable and who still wait for the answer, in the order of their entries.

use super::follow::{FactCallback, FactError, FactReceipt};
use super::{Callback, Receipt};
use crate::fault::RecordError;

#[derive(Default)]
pub(crate) struct WaitingCallers {
    waiting: Vec<(Callback, Receipt)>,
}

impl WaitingCallers {
    pub(crate) fn push(&mut self, done: Callback, receipt: Receipt) {
        self.waiting.push((done, receipt));
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn answer(self) {
        for (done, receipt) in self.waiting {
            done(Ok(receipt));
        }
    }
}

impl std::fmt::Debug for WaitingCallers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WaitingCallers({})", self.waiting.len())
    }
}

/// Callers of facts, whose answers are given only once `handed-out` includes them.
#[derive(Default)]
pub(crate) struct WaitingFacts {
    waiting: Vec<(FactCallback, Result<FactReceipt, FactError>)>,
}

impl WaitingFacts {
    pub(crate) fn push(&mut self, done: FactCallback, answer: Result<FactReceipt, FactError>) {
        self.waiting.push((done, answer));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.waiting.extend(more.waiting);
    }

    /// Gives the answers, or the error with which `handed-out` could not be raised.
    pub(crate) fn answer(self, raised: &Result<(), RecordError>) {
        for (done, answer) in self.waiting {
            done(match raised {
                Ok(()) => answer,
                Err(error) => Err(FactError::NotRecorded(error.clone())),
            });
        }
    }
}

impl std::fmt::Debug for WaitingFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WaitingFacts({})", self.waiting.len())
    }
}
