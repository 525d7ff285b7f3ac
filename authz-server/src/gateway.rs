//! The gateway: **the one path** from a question to an answer. gather -> judge -> burn -> record -> answer.
//!
//! No stage calls an earlier one, and no stage reads what a later one writes.

mod admission;
mod asked;
mod burn;
mod gather;
mod id;
mod record;
mod shadow;
#[cfg(test)]
mod tests;
mod verified;

use std::sync::Arc;
use std::time::Duration;

use warrant::problem::Problem;
use warrant::{Denial, Seconds};

pub use admission::Admission;
pub use asked::{Asked, AskedBody, AskedHttp};
pub use burn::Burner;
pub use gather::Gatherer;
pub use id::DecisionId;
use record::Overtaken;
pub use record::{Allow, Recorder};
pub use shadow::{Second, Shadow};
pub use verified::Verified;

use crate::decision::{Denied, Judgement, Permit, judge};
use crate::facts::Burned;
use crate::metrics::Metrics;
use crate::policy::Bundle;

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

/// What was spent for a permit that a fact overtook on its way into the record. It is not given back.
#[derive(Debug)]
struct Paid {
    permit: Permit,
    burned: Burned,
}

impl Gateway {
    /// Decides within the deadline, give or take a stage that does not wait and so is not interrupted. Whoever is still
    /// waiting then is denied, whatever the answer would have been; what it had burned stays burned, and where an allow was
    /// on its way into the record, the record says that nothing came of it. Above this rules the proxy's own timeout.
    pub async fn decide(&self, asked: Asked) -> Answer {
        let asked = Arc::new(asked);
        let started = tokio::time::Instant::now();
        let decision = DecisionId::random();
        let answer = match self.admission.enter() {
            Err(denial) => self.recorder.turn_away(decision, denial, asked.source()),
            Ok(_place) => {
                tokio::time::timeout(self.deadline, self.run(&decision, &asked)).await.unwrap_or_else(|_| {
                    self.recorder.turn_away(decision, Denial::DeadlineExceeded, asked.source())
                })
            }
        };
        self.metrics.decided(&answer, started.elapsed());
        answer
    }

    /// Once, or once more where a fact that the judge had not read came before its allow.
    async fn run(&self, decision: &DecisionId, asked: &Arc<Asked>) -> Answer {
        let paid = match self.judge_and_record(decision, asked, None).await {
            Ok(answer) => return answer,
            Err(Overtaken(paid)) => paid,
        };
        let paid = match self.judge_and_record(decision, asked, paid).await {
            Ok(answer) => return answer,
            Err(Overtaken(paid)) => paid,
        };
        let (bundle, case) = self.gatherer.gather(asked).await;
        let judgement = judge(&case, &bundle);
        let recording = self.recorder.about(decision, &case, &judgement, &bundle, asked).paid(paid.as_ref());
        recording.deny(match judgement {
            Judgement::Deny(denied) => denied,
            Judgement::Permit(_) | Judgement::Pass(_) => Denial::GovernanceStale.into(),
        })
    }

    async fn judge_and_record(
        &self,
        decision: &DecisionId,
        asked: &Arc<Asked>,
        paid: Option<Paid>,
    ) -> Result<Answer, Overtaken> {
        let (bundle, case) = self.gatherer.gather(asked).await;
        let judgement = judge(&case, &bundle);
        if let Some(shadow) = &self.shadow {
            shadow.offer(asked, &case, &judgement);
        }
        let recording = self.recorder.about(decision, &case, &judgement, &bundle, asked).paid(paid.as_ref());
        match judgement {
            Judgement::Deny(denied) => Ok(recording.deny(denied)),
            Judgement::Pass(pass) => recording.pass(pass, paid).await,
            Judgement::Permit(permit) => {
                let pay = || self.pay(paid, &permit, &bundle, case.now, decision);
                match recording.fits().and_then(|()| pay()) {
                    Ok(burned) => recording.allow(permit, burned).await,
                    Err(denied) => Ok(recording.deny(denied)),
                }
            }
        }
    }

    /// What the first judging has spent is spent: it pays for the second, or for nothing.
    fn pay(
        &self,
        paid: Option<Paid>,
        permit: &Permit,
        bundle: &Bundle,
        now: Seconds,
        decision: &DecisionId,
    ) -> Result<Burned, Denied> {
        match paid {
            None => self.burner.burn(permit, bundle, now, decision.as_str()),
            Some(paid) if self.burner.covers(&paid.permit, permit, bundle) => Ok(paid.burned),
            Some(_) => Err(Denied::on_route(Denial::GovernanceStale, permit.route())),
        }
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
