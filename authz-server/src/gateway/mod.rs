//! The gateway: **the one path** from a question to an answer. gather -> judge -> burn -> record -> answer.
//!
//! No stage calls an earlier one, and no stage reads what a later one writes.

mod admission;
mod allow;
mod asked;
mod burn;
mod gather;
mod recording;
mod shadow;
#[cfg(test)]
mod tests;
mod verified;

use std::sync::Arc;
use std::time::Duration;

use policy::decision::{Denied, Judgement, judge};
use warrant::Denial;
use warrant::problem::Problem;

pub use admission::Admission;
use allow::Overtaken;
pub use allow::{Allow, Stamp};
pub use asked::{Asked, AskedBody, AskedHttp};
pub use burn::Burner;
use burn::Paid;
pub use gather::Gatherer;
use recording::Recording;
pub use shadow::Shadow;
pub use verified::Verified;

use crate::recorder::{DecisionId, Recorder};
use crate::telemetry::Metrics;

/// Everything that a decision passes through.
#[derive(Debug)]
pub struct Gateway {
    pub gatherer: Gatherer,
    pub burner: Burner,
    pub recorder: Recorder,
    pub admission: Admission,
    pub metrics: Arc<Metrics>,
    /// Where a candidate is judged beside the bundle in force.
    pub shadow: Option<Shadow>,
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
    /// Whether the record only counts it.
    pub is_summarised: bool,
}

/// How often a request is judged for an allow: once, and once more where a fact overtook the first allow.
const JUDGINGS: usize = 2;

impl Gateway {
    /// Decides within the deadline, give or take a stage that does not wait and so cannot be interrupted. A request that is
    /// still undecided then is denied, whatever its answer would have been. What it burned stays burned, and where an allow
    /// was on its way into the record, the record says that nothing came of it. The proxy's own timeout still applies.
    pub async fn decide(&self, asked: Asked) -> Answer {
        let asked = Arc::new(asked);
        let started = tokio::time::Instant::now();
        let decision = DecisionId::random();
        let answer = match self.admission.enter() {
            Err(denial) => self.turn_away(decision, denial, asked.source()),
            Ok(_place) => tokio::time::timeout(self.deadline, self.run(&decision, &asked))
                .await
                .unwrap_or_else(|_| self.turn_away(decision, Denial::DeadlineExceeded, asked.source())),
        };
        let (outcome, code) = match &answer {
            Answer::Allow(_) => ("allowed", ""),
            Answer::Deny(refusal) => ("denied", refusal.denied.denial.code()),
        };
        self.metrics.count_decision(outcome, code, started.elapsed());
        answer
    }

    /// Runs the stages. Where a fact that the judge had not read comes before the allow in the record, they all run once
    /// more; what the first run spent then pays for the second. No stage calls an earlier one.
    async fn run(&self, decision: &DecisionId, asked: &Arc<Asked>) -> Answer {
        let mut paid = None;
        for _ in 0..JUDGINGS {
            match self.judge_and_record(decision, asked, paid).await {
                Ok(answer) => return answer,
                Err(Overtaken(spent)) => paid = spent,
            }
        }
        self.deny_overtaken(decision, asked, paid).await
    }

    async fn judge_and_record(
        &self,
        decision: &DecisionId,
        asked: &Arc<Asked>,
        paid: Option<Paid>,
    ) -> Result<Answer, Overtaken> {
        let known = self.gatherer.known().await;
        let case = self.gatherer.case(&known, asked);
        let judgement = judge(&case, &known.bundle);
        if let Some(shadow) = &self.shadow {
            shadow.offer(asked, &case, &judgement);
        }
        let recording = Recording::of(&self.recorder, decision, &case, &judgement, &known.bundle, asked);
        let recording = recording.paid(paid.as_ref());
        match judgement {
            Judgement::Deny(denied) => Ok(recording.deny(denied)),
            Judgement::Pass(pass) => recording.pass(pass, paid).await,
            Judgement::Permit(permit) => {
                let pay = || self.burner.pay(paid, &permit, &known.bundle, known.now, decision.as_str());
                match recording.fits().and_then(|()| pay()) {
                    Ok(burned) => recording.allow(permit, burned).await,
                    Err(denied) => Ok(recording.deny(denied)),
                }
            }
        }
    }

    /// Facts overtook every allow of this request. It is denied, by the judge's reason if there is one by now.
    async fn deny_overtaken(&self, decision: &DecisionId, asked: &Asked, paid: Option<Paid>) -> Answer {
        let known = self.gatherer.known().await;
        let case = self.gatherer.case(&known, asked);
        let judgement = judge(&case, &known.bundle);
        let recording = Recording::of(&self.recorder, decision, &case, &judgement, &known.bundle, asked);
        recording.paid(paid.as_ref()).deny(match judgement {
            Judgement::Deny(denied) => denied,
            Judgement::Permit(_) | Judgement::Pass(_) => Denial::GovernanceStale.into(),
        })
    }

    /// Denies before anything was gathered, or after the deadline. Such a denial is only counted.
    fn turn_away(&self, decision: DecisionId, denial: Denial, source: &str) -> Answer {
        self.recorder.count_denial(denial.code(), source, decision.as_str());
        Answer::denied(decision, denial, true)
    }
}

impl Answer {
    /// Before a bundle was asked, or about something that no warrant would change.
    fn denied(decision: DecisionId, denied: impl Into<Denied>, is_summarised: bool) -> Answer {
        Answer::Deny(Refusal { decision, denied: denied.into(), challenge: None, is_summarised })
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
            is_summarised: self.is_summarised,
        }
    }
}
