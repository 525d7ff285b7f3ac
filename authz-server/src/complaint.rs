//! What is wrong with something right now, said once: in the log when it begins or changes, in readiness while it lasts.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A reason that is present or not, and how often a new one came up.
#[derive(Debug, Default)]
pub struct Complaint(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    reason: Option<String>,
    times: u64,
}

impl Complaint {
    /// Something is wrong, for this reason. Returns true if the reason changed.
    pub fn raise(&self, reason: &str) -> bool {
        let mut state = self.state();
        let is_new = state.reason.as_deref() != Some(reason);
        if is_new {
            state.reason = Some(reason.to_owned());
            state.times = state.times.saturating_add(1);
        }
        is_new
    }

    /// Nothing is wrong any more. Returns true if something was.
    pub fn clear(&self) -> bool {
        self.state().reason.take().is_some()
    }

    pub fn reason(&self) -> Option<String> {
        self.state().reason.clone()
    }

    /// How often a new reason came up, since the start.
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
    fn the_same_reason_again_is_not_new_until_it_was_cleared() {
        let complaint = Complaint::default();
        assert!(complaint.raise("one") && !complaint.raise("one") && complaint.raise("two"));
        assert_eq!((complaint.reason().as_deref(), complaint.times()), (Some("two"), 2));
        assert!(complaint.clear() && !complaint.clear());
        assert!(complaint.raise("two"));
        assert_eq!(complaint.times(), 3);
    }
}
