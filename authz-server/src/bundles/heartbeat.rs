//! Tells whether the keeper still looks for newer bundles. A source that does not answer, for example a network file
//! system, can stop its thread for good. Without this check, that would look the same as a source that has nothing
//! newer.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the keeper does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It waits for the next look, or looks at what is offered.
    Look,
    /// It reads and compiles a bundle. This takes longer the larger the bundle is.
    Load,
    /// Its thread has ended.
    End,
}

impl Step {
    /// How long the step may take.
    fn at_most(self) -> Duration {
        match self {
            Step::Look => Duration::from_secs(10),
            Step::Load => Duration::from_secs(120),
            Step::End => Duration::ZERO,
        }
    }
}

/// What the keeper does, and since when.
#[derive(Debug)]
pub struct Heartbeat(Mutex<(Step, Instant)>);

impl Default for Heartbeat {
    fn default() -> Heartbeat {
        Heartbeat(Mutex::new((Step::Look, Instant::now())))
    }
}

/// The keeper has been in one step for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    step: Step,
    pub since: Duration,
}

impl Heartbeat {
    pub(super) fn begin(&self, step: Step) {
        *self.state() = (step, Instant::now());
    }

    /// Whether the keeper is stuck at this moment.
    pub fn stuck(&self, now: Instant) -> Option<Stuck> {
        let (step, begun) = *self.state();
        let since = now.saturating_duration_since(begun);
        (since > step.at_most()).then_some(Stuck { step, since })
    }

    fn state(&self) -> MutexGuard<'_, (Step, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.step {
            Step::Look => {
                "nobody looks for newer bundles and notes: the bundle's directory or URL, or the ledger's disk, does \
                 not answer; the server goes on by itself when it does"
            }
            Step::Load => {
                "an offered bundle is not loaded: its directory or URL does not answer, or it is too large; correct \
                 the place, or offer a smaller bundle"
            }
            Step::End => "nobody looks for newer bundles and notes: the thread that does has ended; restart the server",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keeper_that_does_not_look_for_ten_seconds_is_stuck() {
        let heartbeat = Heartbeat::default();
        let after = |seconds| {
            let now = Instant::now().checked_add(Duration::from_secs(seconds)).unwrap();
            heartbeat.stuck(now).map(|stuck| stuck.since.as_secs())
        };
        assert_eq!((after(9), after(11)), (None, Some(11)));
        heartbeat.begin(Step::Load);
        assert_eq!((after(100), after(121)), (None, Some(121)), "a large bundle may take a while");
        heartbeat.begin(Step::Look);
        assert_eq!(after(9), None);
        heartbeat.begin(Step::End);
        assert_eq!(after(1), Some(1));
    }
}
