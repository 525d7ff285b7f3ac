//! A candidate bundle beside the one in force: judged on the same requests, never answering, its differences counted.

mod differences;
mod watcher;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use warrant::Denial;

use policy::Bundle;

pub use differences::{Difference, Differences};
pub use watcher::Watcher;

use crate::complaint::Complaint;

#[derive(Debug, Default)]
pub struct Candidate {
    state: Mutex<State>,
    /// Why what is offered as a candidate is not judged by.
    pub refused: Complaint,
}

#[derive(Debug, Default)]
struct State {
    bundle: Option<Arc<Bundle>>,
    seen: Differences,
    passed_over: u64,
}

/// What came of it so far.
#[derive(Debug, Serialize)]
pub struct CandidateStatus {
    pub version: Option<u64>,
    pub digest: Option<String>,
    /// Why what is offered as a candidate is not judged by.
    pub complaint: Option<String>,
    pub judged: u64,
    /// There were more requests than could be judged twice.
    pub passed_over: u64,
    pub differing: u64,
    pub differences: Vec<CountedDifference>,
}

/// One way in which the two differ, and how often it was seen.
#[derive(Debug, Serialize)]
pub struct CountedDifference {
    #[serde(flatten)]
    pub difference: Difference,
    pub count: u64,
}

impl Candidate {
    /// A new candidate starts with nothing seen. What was one before is given back.
    pub fn replace(&self, bundle: Arc<Bundle>) -> Option<Arc<Bundle>> {
        self.refused.clear();
        let next = State { bundle: Some(bundle), ..State::default() };
        std::mem::replace(&mut *self.state(), next).bundle
    }

    pub fn bundle(&self) -> Option<Arc<Bundle>> {
        self.state().bundle.clone()
    }

    /// What the two said of one request; whether such a difference was not seen before.
    pub fn note(&self, route: Option<&str>, active: Option<Denial>, candidate: Option<Denial>) -> bool {
        let mut state = self.state();
        let kinds = state.seen.kinds();
        state.seen.note(route, active, candidate);
        state.seen.kinds() > kinds
    }

    pub fn pass_over(&self) {
        let mut state = self.state();
        state.passed_over = state.passed_over.saturating_add(1);
    }

    pub fn status(&self) -> CandidateStatus {
        let state = self.state();
        let counted = |(difference, count): (&Difference, u64)| CountedDifference {
            difference: difference.clone(),
            count,
        };
        CandidateStatus {
            version: state.bundle.as_ref().map(|bundle| bundle.version()),
            digest: state.bundle.as_ref().map(|bundle| bundle.digest().to_string()),
            complaint: self.refused.reason(),
            judged: state.seen.judged(),
            passed_over: state.passed_over,
            differing: state.seen.differing(),
            differences: state.seen.list().map(counted).collect(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
