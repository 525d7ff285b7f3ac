//! The status of one witness, for readiness and metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::complaint::Complaint;

/// The status of one witness after the last request to it.
#[derive(Debug)]
pub struct WitnessStatus {
    name: String,
    was_asked: AtomicBool,
    cosigned: AtomicU64,
    /// Why there is no cosignature. This is only a remark: a third party that is down must not be able to stop the
    /// mesh.
    not_cosigned: Complaint,
    /// The witness holds another history: the log was rolled back, or two logs use its name.
    contradiction: Complaint,
}

impl WitnessStatus {
    #[must_use]
    pub fn of(name: &str) -> WitnessStatus {
        WitnessStatus {
            name: name.to_owned(),
            was_asked: AtomicBool::new(false),
            cosigned: AtomicU64::new(0),
            not_cosigned: Complaint::default(),
            contradiction: Complaint::default(),
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size of the last checkpoint that it cosigned since the start.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.cosigned.load(Ordering::Relaxed)
    }

    /// Notes that it cosigned a checkpoint of this size. Returns true if it did not cosign before.
    pub fn note_cosigned(&self, size: u64) -> bool {
        self.cosigned.store(size, Ordering::Relaxed);
        let is_first = !self.was_asked.swap(true, Ordering::Relaxed);
        let (was_silent, did_contradict) = (self.not_cosigned.clear(), self.contradiction.clear());
        is_first || was_silent || did_contradict
    }

    /// Notes that there is no cosignature. Returns true if the reason changed. A contradiction does not end because
    /// the witness stops answering.
    pub fn note_not_cosigned(&self, why: &str) -> bool {
        self.was_asked.store(true, Ordering::Relaxed);
        self.contradiction.reason().is_none() && self.not_cosigned.raise(why)
    }

    /// Notes that it holds another history. Returns true if the reason changed.
    pub fn note_contradiction(&self, why: &str) -> bool {
        self.was_asked.store(true, Ordering::Relaxed);
        self.not_cosigned.clear();
        self.contradiction.raise(why)
    }

    /// For readiness: a remark, or why this server is not ready.
    pub fn readiness(&self) -> Result<String, String> {
        if let Some(why) = self.contradiction.reason() {
            return Err(why);
        }
        let cosigned = self.size();
        match self.not_cosigned.reason() {
            Some(why) => Ok(format!("cosigned {cosigned} entries since the start; not cosigning now: {why}")),
            None if self.was_asked.load(Ordering::Relaxed) => Ok(format!("cosigned {cosigned} entries")),
            None => Ok("not asked yet".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_reported_and_a_missing_cosignature_is_a_remark() {
        let status = WitnessStatus::of("w");
        assert_eq!(status.readiness().unwrap(), "not asked yet");
        assert!(
            status.note_not_cosigned("refused")
                && !status.note_not_cosigned("refused")
                && status.note_not_cosigned("late")
        );
        assert_eq!(
            status.readiness().unwrap(),
            "cosigned 0 entries since the start; not cosigning now: late"
        );
        assert!(status.note_cosigned(7) && !status.note_cosigned(8));
        assert_eq!((status.readiness().unwrap().as_str(), status.size()), ("cosigned 8 entries", 8));
    }

    #[test]
    fn a_contradiction_ends_only_when_the_witness_cosigns_again() {
        let status = WitnessStatus::of("w");
        assert!(status.note_contradiction("holds more") && !status.note_contradiction("holds more"));
        assert!(!status.note_not_cosigned("refused"));
        assert_eq!(status.readiness().unwrap_err(), "holds more");
        assert!(status.note_contradiction("another root"));
        assert!(status.note_cosigned(9));
        assert!(status.readiness().is_ok());
    }
}
