//! What one witness last did: told by readiness and shown in metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::complaint::Complaint;

/// One witness, as it was when it was last asked.
#[derive(Debug)]
pub struct WitnessNews {
    name: String,
    was_asked: AtomicBool,
    cosigned: AtomicU64,
    /// There is no cosignature, for this reason. Only a remark: a third party that is down must not be able to stop the mesh.
    silence: Complaint,
    /// The witness holds another history than this log: the log was rolled back, or there are two of it.
    contradiction: Complaint,
}

impl WitnessNews {
    #[must_use]
    pub fn of(name: &str) -> WitnessNews {
        WitnessNews {
            name: name.to_owned(),
            was_asked: AtomicBool::new(false),
            cosigned: AtomicU64::new(0),
            silence: Complaint::default(),
            contradiction: Complaint::default(),
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many entries the last checkpoint had that it cosigned since the start.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.cosigned.load(Ordering::Relaxed)
    }

    /// It cosigned a checkpoint of this size. Returns true if it did not cosign before.
    pub fn cosigned(&self, size: u64) -> bool {
        self.cosigned.store(size, Ordering::Relaxed);
        let is_first = !self.was_asked.swap(true, Ordering::Relaxed);
        let (was_silent, did_contradict) = (self.silence.clear(), self.contradiction.clear());
        is_first || was_silent || did_contradict
    }

    /// There is no cosignature. Returns true if the reason changed. A contradiction does not end because the witness stops
    /// answering.
    pub fn silent(&self, why: &str) -> bool {
        self.was_asked.store(true, Ordering::Relaxed);
        self.contradiction.reason().is_none() && self.silence.raise(why)
    }

    /// It holds another history. Returns true if the reason changed.
    pub fn contradicts(&self, why: &str) -> bool {
        self.was_asked.store(true, Ordering::Relaxed);
        self.silence.clear();
        self.contradiction.raise(why)
    }

    /// A remark, or why this server is not ready.
    pub fn readiness(&self) -> Result<String, String> {
        if let Some(why) = self.contradiction.reason() {
            return Err(why);
        }
        let cosigned = self.size();
        match self.silence.reason() {
            Some(why) => Ok(format!("cosigned {cosigned} entries since the start; now {why}")),
            None if self.was_asked.load(Ordering::Relaxed) => Ok(format!("cosigned {cosigned} entries")),
            None => Ok("not asked yet".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_reported_and_a_silent_witness_is_a_remark() {
        let news = WitnessNews::of("w");
        assert_eq!(news.readiness().unwrap(), "not asked yet");
        assert!(news.silent("refused") && !news.silent("refused") && news.silent("late"));
        assert_eq!(news.readiness().unwrap(), "cosigned 0 entries since the start; now late");
        assert!(news.cosigned(7) && !news.cosigned(8));
        assert_eq!((news.readiness().unwrap().as_str(), news.size()), ("cosigned 8 entries", 8));
    }

    #[test]
    fn a_contradiction_ends_only_when_the_witness_cosigns_again() {
        let news = WitnessNews::of("w");
        assert!(news.contradicts("holds more") && !news.contradicts("holds more"));
        assert!(!news.silent("refused"));
        assert_eq!(news.readiness().unwrap_err(), "holds more");
        assert!(news.contradicts("another root"));
        assert!(news.cosigned(9));
        assert!(news.readiness().is_ok());
    }
}
