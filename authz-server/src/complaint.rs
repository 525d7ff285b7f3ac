//! A problem that may be present now: logged once when it begins or changes, and shown in readiness while it lasts.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The reason for a problem, if there is one now, and how often a new reason came up.
#[derive(Debug, Default)]
pub struct Complaint(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    reason: Option<String>,
    times: u64,
}

impl Complaint {
    /// Notes a problem with this reason. Returns true if the reason changed.
    pub fn raise(&self, reason: &str) -> bool {
        let mut state = self.state();
        let is_new = state.reason.as_deref() != Some(reason);
        if is_new {
            state.reason = Some(reason.to_owned());
            state.times = state.times.saturating_add(1);
        }
        is_new
    }

    /// Notes that the problem is over. Returns true if there was one.
    pub fn clear(&self) -> bool {
        self.state().reason.take().is_some()
    }

    pub fn reason(&self) -> Option<String> {
        self.state().reason.clone()
    }

    /// How often a new reason came up since the start.
    pub fn times(&self) -> u64 {
        self.state().times
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_is_new_only_after_it_was_cleared() {
        let complaint = Complaint::default();
        assert!(complaint.raise("one") && !complaint.raise("one") && complaint.raise("two"));
        assert_eq!((complaint.reason().as_deref(), complaint.times()), (Some("two"), 2));
        assert!(complaint.clear() && !complaint.clear());
        assert!(complaint.raise("two"));
        assert_eq!(complaint.times(), 3);
    }
}
