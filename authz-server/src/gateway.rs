//! The gateway: **the one path** from a question to an answer. gather -> judge -> burn -> record -> answer.
//!
//! No stage calls an earlier one, and no stage reads what a later one writes.

mod admission;
mod asked;
mod burn;
mod gather;
mod id;
mod record;
mod verified;

use std::sync::Arc;
use std::time::Duration;

use warrant::Denial;
use warrant::problem::Problem;

pub use admission::Admission;
pub use asked::{Asked, AskedBody, AskedHttp};
pub use burn::Burner;
pub use gather::Gatherer;
pub use id::DecisionId;
pub use record::{Allow, Recorder};
pub use verified::Verified;

use crate::decision::{Denied, Judgement, judge};
use crate::metrics::Metrics;

/// Everything that a decision passes through.
#[derive(Debug)]
pub struct Gateway {
    pub gatherer: Gatherer,
    pub burner: Burner,
    pub recorder: Recorder,
    pub admission: Admission,
    pub metrics: Arc<Metrics>,
    /// Shorter than the proxy's own timeout, so that the denial comes from us, with a reason.
    pub deadline: Duration,
}

/// What the edge translates. There is no third kind.
#[derive(Debug)]
pub enum Answer {
    Allow(Box<Allow>),
    Deny(Refusal),
}

/// A denial with the name under which it can be looked up.
#[derive(Debug)]
pub struct Refusal {
    pub decision: DecisionId,
    pub denied: Denied,
    /// On a 401, where a warrant is to be had.
    pub challenge: Option<String>,
}

impl Gateway {
    /// Decides within the deadline. An answer that comes later is a denial, whatever it would have been; what it had
    /// burned stays burned.
    pub async fn decide(&self, asked: Asked) -> Answer {
        let started = tokio::time::Instant::now();
        let decision = DecisionId::random();
        let answer = match self.admission.enter() {
            Err(denial) => Answer::denied(decision, denial),
            Ok(_place) => tokio::time::timeout(self.deadline, self.run(&decision, asked))
                .await
                .unwrap_or_else(|_| Answer::denied(decision, Denial::DeadlineExceeded)),
        };
        self.metrics.decided(&answer, started.elapsed());
        answer
    }

    async fn run(&self, decision: &DecisionId, asked: Asked) -> Answer {
        let (bundle, case) = self.gatherer.gather(&asked);
        let judgement = judge(&case, &bundle);
        let recording = self.recorder.about(decision, &case, &bundle);
        match judgement {
            Judgement::Deny(denied) => recording.deny(denied),
            Judgement::Pass(pass) => recording.pass(pass).await,
            Judgement::Permit(permit) => {
                match self.burner.burn(&permit, &bundle, case.now, decision.as_str()) {
                    Ok(burned) => recording.allow(permit, burned).await,
                    Err(denied) => recording.refuse(&permit, denied),
                }
            }
        }
    }
}

impl Answer {
    /// Before a bundle was asked, or about something that no warrant would change.
    fn denied(decision: DecisionId, denied: impl Into<Denied>) -> Answer {
        Answer::Deny(Refusal { decision, denied: denied.into(), challenge: None })
    }
}

impl Refusal {
    /// What the client may read of it.
    pub fn problem(&self) -> Problem<'_> {
        Problem {
            denial: self.denied.denial,
            decision: Some(self.decision.as_str()),
            detail: self.denied.detail.as_deref(),
            cure: self.denied.cure.as_deref(),
        }
    }
}
