//! The gateway: **the one path** from a request to an answer. gather -> judge -> burn -> record -> answer.
//!
//! No stage calls an earlier one, and no stage reads what a later one writes.

mod admission;
mod allow;
mod burn;
mod case_facts;
mod client_identity;
mod gather;
mod incoming;
mod readings;
mod receipts;
mod recording;
mod running;
mod shadow;
#[cfg(test)]
mod tests;
mod verified_chains;
mod warrant_in_log;

use std::sync::Arc;
use std::time::Duration;

use ledger::entry::DecisionOutcome;
use policy::decision::{Denied, Judgement, judge};
use warrant::Denial;
use warrant::problem::{self, Problem};

pub use admission::{Admission, Arrival};
pub use allow::Allow;
use allow::Overtaken;
pub use burn::Burner;
pub use client_identity::ReadCertificates;
pub use gather::Gatherer;
use gather::{Gathered, Situation};
pub use incoming::{ClientPeer, IncomingBody, IncomingHttp, IncomingRequest};
pub use readings::Readings;
pub use receipts::ReceiptMint;
use recording::Recording;
pub use running::{JudgeOfForwards, JudgingThread};
pub use shadow::Shadow;
pub use verified_chains::VerifiedChains;

use crate::facts::{BurnFor, HolderTag, RootTag, Wanted};
use crate::record;
use crate::recorder::{DecisionId, Recorder};
use crate::telemetry::Metrics;

/// Everything that a decision needs.
#[derive(Debug)]
pub struct Gateway {
    pub gatherer: Gatherer,
    pub burner: Burner,
    pub recorder: Recorder,
    pub admission: Admission,
    pub metrics: Arc<Metrics>,
    /// `None` if the listener for proxies is on loopback: anybody on the machine could be the proxy.
    pub receipts: Option<Arc<ReceiptMint>>,
    /// Judges the same requests with a candidate bundle, if one is configured.
    pub shadow: Option<Shadow>,
    /// Must be shorter than the proxy's own timeout, so that the denial comes from us, with a reason.
    pub deadline: Duration,
    /// The URL of this server's page about resources (RFC 9728), if it has one.
    pub resource_page: Option<String>,
}

/// The answer that the edge translates. There is no third kind.
#[derive(Debug)]
pub enum Answer {
    Allow(Box<Allow>),
    Deny(DenialAnswer),
}

/// A denial and the id of its decision, under which it can be looked up.
#[derive(Debug)]
pub struct DenialAnswer {
    pub decision: DecisionId,
    pub denied: Denied,
    /// On a 401: where the client can get a warrant.
    pub challenge: Option<String>,
    /// Whether the ledger only counts it, without an entry of its own.
    pub is_summarised: bool,
}

/// How often a request may be judged: once, and once more if a fact was recorded before the first allow.
const JUDGINGS: usize = 2;

impl Gateway {
    /// Decides within the deadline, which counts from the arrival of the check. A stage that never waits cannot be
    /// interrupted, so only such a stage can exceed it.
    /// A request that is undecided at the deadline is denied. What it burned stays burned. If its allow was already
    /// on its way into the ledger, the ledger also records that the request was denied. The proxy's own timeout still
    /// applies.
    pub async fn decide(&self, request: IncomingRequest, arrival: Arrival) -> Answer {
        // It waited so long for the processor that its answer would hardly be in time.
        if arrival.waited().saturating_mul(2) > self.deadline {
            return self.turn_away(Denial::Overloaded, request.source());
        }
        let (request, decision) = (Arc::new(request), DecisionId::random());
        let end = arrival.after(self.deadline);
        let answer = match tokio::time::timeout_at(end, self.run(&decision, &request)).await {
            Ok(answer) => answer,
            Err(_) => self.deny_without_entry(decision, Denial::DeadlineExceeded, request.source()),
        };
        self.count(&answer, arrival.waited());
        answer.leading_to(self.resource_page.as_deref(), request.http.as_ref())
    }

    /// Denies a check before anything is gathered. The ledger only counts such a denial.
    pub fn turn_away(&self, denial: Denial, source: &str) -> Answer {
        let answer = self.deny_without_entry(DecisionId::random(), denial, source);
        self.count(&answer, Duration::ZERO);
        answer
    }

    fn count(&self, answer: &Answer, took: Duration) {
        let (outcome, code) = match answer {
            Answer::Allow(_) => ("allowed", ""),
            Answer::Deny(denial_answer) => ("denied", denial_answer.denied.denial.code()),
        };
        self.metrics.count_decision(outcome, code, took);
    }

    /// Runs the stages. If a fact that the judge had not read was recorded before the allow, they all run once more;
    /// what the first run burned then pays for the second. No stage calls an earlier one.
    async fn run(&self, decision: &DecisionId, request: &Arc<IncomingRequest>) -> Answer {
        let mut earlier = None;
        for _ in 0..JUDGINGS {
            match self.judge_and_record(decision, request, earlier).await {
                Ok(answer) => return answer,
                Err(overtaken) => earlier = Some(overtaken),
            }
        }
        self.deny_overtaken(decision, request, earlier)
    }

    async fn judge_and_record(
        &self,
        decision: &DecisionId,
        request: &Arc<IncomingRequest>,
        earlier: Option<Overtaken>,
    ) -> Result<Answer, Overtaken> {
        let (situation, judgement, recording) = self.judge(decision, request, earlier.as_ref());
        let paid = earlier.and_then(|Overtaken(paid)| paid);
        if let Some(shadow) = &self.shadow {
            shadow.offer(request, &situation, &judgement);
        }
        match judgement {
            Judgement::Deny(denied) => Ok(recording.deny(denied)),
            // Nobody could end one more. Other proxies have room of their own.
            Judgement::Pass(_) | Judgement::Permit(_) if !self.has_room(&recording) => {
                let route = recording.entry.verdict.route.clone();
                let detail = Some(
                    "this proxy, or this holder at it, has too many requests that have not ended".to_owned(),
                );
                Ok(recording.deny(Denied { route, detail, ..Denial::Overloaded.into() }))
            }
            // A full table may lack a fact that denies.
            Judgement::Pass(_) | Judgement::Permit(_) if situation.known.tables().are_full() => {
                let route = recording.entry.verdict.route.clone();
                Ok(recording.deny(Denied { route, ..Denial::StateUnavailable.into() }))
            }
            Judgement::Pass(pass) => recording.pass(pass, paid).await,
            Judgement::Permit(permit) => {
                let wanted = Wanted::of(permit.burns(), permit.proof());
                let burned = record::recorded_burns(wanted.items(), permit.burns(), &recording.entry.chain);
                let drafted = match recording.draft(DecisionOutcome::Allowed, permit.route(), burned) {
                    Ok(drafted) => drafted,
                    Err(denial) => return Ok(*denial),
                };
                let burn_for = BurnFor {
                    decision: decision.as_str(),
                    root: RootTag::of(drafted.entry()),
                    source: drafted.source(),
                };
                let recorded = self.gatherer.recorded_time();
                match self.burner.pay(paid, &permit, wanted, &situation.bundle, recorded, burn_for) {
                    Ok(burned) => drafted.allow(permit, burned).await,
                    Err(denied) => Ok(drafted.deny(denied)),
                }
            }
        }
    }

    fn has_room(&self, recording: &Recording) -> bool {
        let Recording { entry, .. } = recording;
        self.gatherer.live.forwards().has_room(&entry.proxy, HolderTag::of(entry))
    }

    /// Gathers and judges, and prepares the record of both. What an earlier judging of this request burned stays burned.
    fn judge(
        &self,
        decision: &DecisionId,
        request: &IncomingRequest,
        earlier: Option<&Overtaken>,
    ) -> (Situation, Judgement, Recording) {
        let situation = self.gatherer.situation();
        let client = self.gatherer.client(&situation, request);
        if let (Err(why), None) = (&client, earlier) {
            self.metrics.count_identity_missing(why.label());
        }
        let Gathered { case, warrant } = self.gatherer.case(&situation, request, client.ok());
        let bundle = &situation.bundle;
        let judgement = judge(&case, bundle);
        let recording = Recording::of(&self.recorder, decision, &case, warrant, &judgement, bundle, request);
        let paid = earlier.and_then(|Overtaken(paid)| paid.as_ref());
        let mut recording = recording.with_paid(paid).with_receipt(self.receipts.as_ref(), &case, &judgement);
        if let Judgement::Permit(_) = &judgement {
            recording.parts.lapse = self.gatherer.lapse(&situation, &case);
        }
        (situation, judgement, recording)
    }

    /// Denies a request after a fact was recorded before each of its allows. The reason is the judge's, if there is
    /// one now.
    fn deny_overtaken(
        &self,
        decision: &DecisionId,
        request: &IncomingRequest,
        earlier: Option<Overtaken>,
    ) -> Answer {
        let (_, judgement, recording) = self.judge(decision, request, earlier.as_ref());
        recording.deny(match judgement {
            Judgement::Deny(denied) => denied,
            Judgement::Permit(_) | Judgement::Pass(_) => Denial::GovernanceStale.into(),
        })
    }

    /// Denies without an entry of its own.
    fn deny_without_entry(&self, decision: DecisionId, denial: Denial, source: &str) -> Answer {
        self.recorder.count_denial(denial.code(), source, decision.as_str());
        Answer::denied(decision, denial, true)
    }
}

impl Answer {
    /// Says in a challenge where the page about the resource is.
    fn leading_to(mut self, page: Option<&str>, request: Option<&IncomingHttp>) -> Answer {
        if let Answer::Deny(DenialAnswer { challenge: Some(challenge), .. }) = &mut self
            && let (Some(page), Some(http)) = (page, request)
            && let Some(parameter) = problem::resource_metadata(page, http.scheme.as_bytes(), &http.authority)
        {
            challenge.push_str(&parameter);
        }
        self
    }

    /// A denial without a challenge: no bundle was read, or no warrant would change the answer.
    fn denied(decision: DecisionId, denied: impl Into<Denied>, is_summarised: bool) -> Answer {
        Answer::Deny(DenialAnswer { decision, denied: denied.into(), challenge: None, is_summarised })
    }
}

impl DenialAnswer {
    /// The part that the client may read.
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
