//! The facts whose callers have no answer yet. If one waits for long, nobody can revoke anything: who promises that a
//! revocation reaches every proxy must know that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::follow::FactCallback;

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnansweredFacts(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// When each came; the first came first.
    since: BTreeMap<u64, Instant>,
}

impl UnansweredFacts {
    /// The same callback, counted until it is called or dropped.
    pub(crate) fn until_answered(&self, done: FactCallback) -> FactCallback {
        let mut waiting = self.waiting();
        let number = waiting.next;
        waiting.next = number.wrapping_add(1);
        waiting.since.insert(number, Instant::now());
        drop(waiting);
        let unanswered = Unanswered { all: self.clone(), number };
        Box::new(move |answer| {
            drop(unanswered);
            done(answer);
        })
    }

    /// For how long the oldest one has waited.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        self.waiting().since.first_key_value().map(|(_, since)| since.elapsed())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Only complete values are stored under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Unanswered {
    all: UnansweredFacts,
    number: u64,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.all.waiting().since.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::RecordError;
    use crate::ledger::FactError;

    #[test]
    fn a_fact_waits_until_its_caller_is_answered_or_gone() {
        let facts = UnansweredFacts::default();
        assert_eq!(facts.oldest(), None);
        let (first, second) = (facts.until_answered(Box::new(drop)), facts.until_answered(Box::new(drop)));
        let oldest = || facts.waiting().since.keys().copied().collect::<Vec<_>>();
        assert_eq!((oldest(), facts.oldest().is_some()), (vec![0, 1], true));
        first(Err(FactError::NotRecorded(RecordError::Closed)));
        assert_eq!(oldest(), [1]);
        drop(second);
        assert_eq!(facts.oldest(), None);
    }
}
