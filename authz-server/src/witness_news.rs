//! What became of asking one witness: told to whoever asks whether this server is ready, and shown in the figures.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How it stands with a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not been asked yet.
    Unasked,
    /// It cosigned what it was shown last.
    Cosigns,
    /// There is no cosignature to be had, and why. A remark and no more: a third party must not be able to stop the mesh
    /// by being down.
    Silent(String),
    /// What it holds of this log is not what we have: the log was rolled back, or there are two of it.
    Contradicts(String),
}

/// One witness, as it was when it was asked last.
#[derive(Debug)]
pub struct WitnessNews {
    name: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    standing: Standing,
    cosigned: u64,
}

impl WitnessNews {
    #[must_use]
    pub fn of(name: &str) -> WitnessNews {
        let state = Mutex::new(State { standing: Standing::Unasked, cosigned: 0 });
        WitnessNews { name: name.to_owned(), state }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many entries the last checkpoint had that it cosigned since the start.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.state().cosigned
    }

    /// It cosigned a checkpoint of this size. Whether that is a change.
    pub fn cosigned(&self, size: u64) -> bool {
        let mut state = self.state();
        state.cosigned = size;
        let is_new = state.standing != Standing::Cosigns;
        state.standing = Standing::Cosigns;
        is_new
    }

    /// There is no cosignature to be had. Whether that is a change. A contradiction is not over because its witness no
    /// longer answers.
    pub fn is_silent(&self, why: &str) -> bool {
        let mut state = self.state();
        match &state.standing {
            Standing::Contradicts(_) => false,
            Standing::Silent(before) if before == why => false,
            Standing::Silent(_) | Standing::Unasked | Standing::Cosigns => {
                state.standing = Standing::Silent(why.to_owned());
                true
            }
        }
    }

    /// It knows another history. Whether that is a change.
    pub fn contradicts(&self, why: &str) -> bool {
        let standing = Standing::Contradicts(why.to_owned());
        let before = std::mem::replace(&mut self.state().standing, standing.clone());
        before != standing
    }

    /// A remark, or why this server is not ready.
    pub fn readiness(&self) -> Result<String, String> {
        let state = self.state();
        let cosigned = state.cosigned;
        match &state.standing {
            Standing::Unasked => Ok("not asked yet".to_owned()),
            Standing::Cosigns => Ok(format!("cosigned {cosigned} entries")),
            Standing::Silent(why) => Ok(format!("cosigned {cosigned} entries since the start; now {why}")),
            Standing::Contradicts(why) => Err(why.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_news_and_a_silent_witness_is_a_remark() {
        let news = WitnessNews::of("w");
        assert_eq!(news.readiness().unwrap(), "not asked yet");
        assert!(news.is_silent("refused") && !news.is_silent("refused") && news.is_silent("late"));
        assert_eq!(news.readiness().unwrap(), "cosigned 0 entries since the start; now late");
        assert!(news.cosigned(7) && !news.cosigned(8));
        assert_eq!((news.readiness().unwrap().as_str(), news.size()), ("cosigned 8 entries", 8));
    }

    #[test]
    fn a_contradiction_is_over_only_when_it_cosigns_again() {
        let news = WitnessNews::of("w");
        assert!(news.contradicts("holds more") && !news.contradicts("holds more"));
        assert!(!news.is_silent("refused"));
        assert_eq!(news.readiness().unwrap_err(), "holds more");
        assert!(news.contradicts("another root"));
        assert!(news.cosigned(9));
        assert!(news.readiness().is_ok());
    }
}
