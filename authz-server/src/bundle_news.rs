//! What became of the bundles that were looked at: told to whoever asks whether this server is ready, and counted.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub struct BundleNews(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Why what is offered now is not taken.
    complaint: Option<String>,
    complaints: u64,
    activations: u64,
}

impl BundleNews {
    /// What is offered is not taken. Whether that is new: the same again is no news.
    pub fn complain(&self, why: &str) -> bool {
        let mut state = self.state();
        let is_new = state.complaint.as_deref() != Some(why);
        if is_new {
            state.complaint = Some(why.to_owned());
            state.complaints = state.complaints.saturating_add(1);
        }
        is_new
    }

    /// What is offered is what is in force. Whether it was not so before.
    pub fn is_well(&self) -> bool {
        self.state().complaint.take().is_some()
    }

    pub fn activated(&self) {
        let mut state = self.state();
        state.activations = state.activations.saturating_add(1);
    }

    pub fn complaint(&self) -> Option<String> {
        self.state().complaint.clone()
    }

    /// How often there was a new complaint, since the start.
    pub fn complaints(&self) -> u64 {
        self.state().complaints
    }

    /// How many bundles were put in force, since the start.
    pub fn activations(&self) -> u64 {
        self.state().activations
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_complaint_again_is_no_news_until_all_was_well() {
        let news = BundleNews::default();
        assert!(news.complain("one") && !news.complain("one") && news.complain("two"));
        assert_eq!((news.complaint().as_deref(), news.complaints()), (Some("two"), 2));
        assert!(news.is_well() && !news.is_well());
        assert!(news.complain("two"));
        assert_eq!(news.complaints(), 3);
    }
}
