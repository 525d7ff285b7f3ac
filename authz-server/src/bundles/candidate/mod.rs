//! A candidate bundle: it judges the same requests as the bundle in force, never answers them, and its differences
//! are counted.

mod differences;
mod watcher;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;
use warrant::Denial;

use policy::Bundle;

pub use differences::{Difference, Differences};
pub use watcher::Watcher;

use crate::complaint::Complaint;

#[derive(Debug, Default)]
pub struct Candidate {
    state: Mutex<CandidateState>,
    /// Why the offered candidate is refused.
    pub refused: Complaint,
}

#[derive(Debug, Default)]
struct CandidateState {
    bundle: Option<Arc<Bundle>>,
    seen: Differences,
    passed_over: u64,
}

/// The candidate's results so far.
#[derive(Debug, Serialize, ToSchema)]
pub struct CandidateStatus {
    /// The candidate; `null` if none could be read yet.
    #[schema(required)]
    pub version: Option<u64>,
    #[schema(required, value_type = Option<crate::schema::Digest>)]
    pub digest: Option<String>,
    /// Why the offered candidate is refused.
    #[schema(required)]
    pub complaint: Option<String>,
    /// Requests that both have judged.
    pub judged: u64,
    /// Requests that were not judged, because there were too many to judge twice.
    pub passed_over: u64,
    pub differing: u64,
    pub differences: Vec<CountedDifference>,
}

/// One way in which the two differ, and how often it was seen.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountedDifference {
    #[serde(flatten)]
    pub difference: Difference,
    pub count: u64,
}

impl Candidate {
    /// Sets a new candidate, which starts without results, and returns the one before.
    pub fn replace(&self, bundle: Arc<Bundle>) -> Option<Arc<Bundle>> {
        let next = CandidateState { bundle: Some(bundle), ..CandidateState::default() };
        std::mem::replace(&mut *self.state(), next).bundle
    }

    pub fn bundle(&self) -> Option<Arc<Bundle>> {
        self.state().bundle.clone()
    }

    /// Notes both results for one request. Returns true if they differ in a new way.
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

    fn state(&self) -> MutexGuard<'_, CandidateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
