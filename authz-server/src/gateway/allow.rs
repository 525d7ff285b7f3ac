//! Makes an `Allow`, which needs a receipt from the ledger.
//!
//! `Allow` has private fields and one constructor, at the end of `Drafted::forward`. What leads there cannot be
//! forged: a `Permit` or a `Pass` (only the judge makes one), for a permit also `BurnedItems` (only `BurnTable::burn`
//! makes them), and a `ledger::Receipt` (only the ledger's writer makes one, after the sync) for the entry that
//! records the allow. A denial needs none of them.

use ledger::entry::{self, Burned, Decision, DecisionOutcome};
use ledger::{DraftedDecision, Receipt, RecordError};
use policy::decision::{Case, Denied, Pass, Permit};
use tracing::warn;
use warrant::{Denial, Revocable, Seconds, Stamp};

use super::Answer;
use super::burn::Paid;
use super::recording::{AnswerParts, Recording};
use crate::facts::BurnedItems;
use crate::record;
use crate::recorder::DecisionId;

/// A request that may be forwarded: it was judged, paid for, and durably recorded.
#[derive(Debug)]
pub struct Allow {
    decision: DecisionId,
    stamp: String,
    receipt: Receipt,
    ticket: String,
    /// Proves the decision to the upstream, if the route asks for that.
    evidence: Option<String>,
}

/// There is no allow, because a fact that the judge had not read was recorded before it. What was burned is handed
/// back to pay for a second judging.
#[derive(Debug)]
pub(super) struct Overtaken(pub(super) Option<Paid>);

/// An allow whose entry is encoded, but not yet in the ledger.
#[derive(Debug)]
pub(super) struct Drafted {
    decision: DraftedDecision,
    parts: AnswerParts,
    stamp: String,
    route: String,
    /// What the entry said that was burned, before it became that of an allow. It is put back if the request is denied after all.
    burned_before: Vec<Burned>,
}

impl Recording {
    /// Encodes the entry of an allow that burns this. It is called before anything is burned: without an entry there is no allow,
    /// and what is burned is not given back.
    pub(super) fn draft(
        mut self,
        outcome: DecisionOutcome,
        route: &str,
        burned: Vec<Burned>,
    ) -> Result<Drafted, Box<Answer>> {
        let Some(Stamped { stamp, ends }) = self.parts.stamp.take() else {
            return Err(Box::new(self.deny(Denied::on_route(Denial::Internal, route))));
        };
        let burned_before = std::mem::replace(&mut self.entry.burned, burned);
        self.entry.outcome = outcome;
        self.entry.ends = Some(ends.get());
        self.entry.lapses = self.parts.lapse.filter(|at| *at < ends).map(Seconds::get);
        let (parts, route) = (self.parts, route.to_owned());
        match DraftedDecision::of(self.entry) {
            Ok(decision) => Ok(Drafted { decision, parts, stamp, route, burned_before }),
            Err((entry, refused)) => {
                // A request can be too large, or have a number that JSON does not hold exactly.
                let detail = if let RecordError::TooLarge(_) = refused {
                    "the request is too large to record"
                } else {
                    "the request has a value that cannot be recorded exactly"
                };
                let denial = denial_for(&refused);
                let detail = (denial == Denial::ArgumentsInvalid).then(|| detail.to_owned());
                let denied = Denied { detail, ..Denied::on_route(denial, &route) };
                Err(Box::new(Recording::to_be_denied(entry, burned_before, parts).deny(denied)))
            }
        }
    }

    /// Answers a request that is ungoverned or only observed.
    pub(super) async fn pass(self, pass: Pass, paid: Option<Paid>) -> Result<Answer, Overtaken> {
        // It burns nothing itself. What an earlier judging burned is in the entry, and stays there if this is denied.
        let burned = self.entry.burned.clone();
        match self.draft(record::outcome_of(&pass), pass.route(), burned) {
            Ok(drafted) => drafted.forward(paid).await,
            Err(denial) => Ok(*denial),
        }
    }

    /// Turns the parts of a drafted allow back, so that it can be denied.
    fn to_be_denied(mut entry: Box<Decision>, burned: Vec<Burned>, parts: AnswerParts) -> Recording {
        (entry.burned, entry.ends, entry.lapses) = (burned, None, None);
        Recording { entry, parts }
    }
}

impl Drafted {
    pub(super) fn entry(&self) -> &Decision {
        self.decision.decision()
    }

    pub(super) fn source(&self) -> &str {
        &self.parts.source
    }

    /// Answers a request that is permitted and paid for.
    pub(super) async fn allow(self, permit: Permit, burned: BurnedItems) -> Result<Answer, Overtaken> {
        self.forward(Some(Paid { permit, burned })).await
    }

    /// Denies, because what it costs was not burned.
    pub(super) fn deny(self, denied: Denied) -> Answer {
        Recording::to_be_denied(self.decision.into_decision(), self.burned_before, self.parts).deny(denied)
    }

    /// Waits until the entry is durable; only then does it make an allow.
    async fn forward(self, paid: Option<Paid>) -> Result<Answer, Overtaken> {
        let Drafted { decision: drafted, parts, stamp, route, .. } = self;
        let AnswerParts { recorder, decision, receipt: evidence, source, warrant, .. } = parts;
        let proxy = drafted.decision().proxy.clone();
        // The next entries about this warrant refer to this one.
        let says_terms = warrant.filter(|_| drafted.decision().terms.said_at().is_none());
        let too_late = {
            let (recorder, decision, proxy) = (recorder.clone(), decision.clone(), proxy.clone());
            move |receipt: Receipt| {
                let outcome = came_too_late(&decision, &proxy, receipt.index());
                let what = "the outcome of an allow that came too late".to_owned();
                recorder.submit_unawaited(what, outcome.into());
            }
        };
        match recorder.append(drafted, too_late.clone()).await {
            Ok(receipt) => {
                if let Some(warrant) = says_terms {
                    warrant.note_said_at(receipt.index());
                }
                let evidence =
                    evidence.map(|(mint, draft)| mint.sign(&draft, decision.as_str(), receipt.index()));
                let Ok(evidence) = evidence.transpose() else {
                    warn!(
                        decision = decision.as_str(),
                        "the receipt could not be signed, so the request is denied"
                    );
                    too_late(receipt);
                    return Ok(Answer::denied(decision, Denied::on_route(Denial::Internal, &route), true));
                };
                let ticket = recorder.issue_ticket(&decision, receipt.index(), &proxy);
                Ok(Answer::Allow(Box::new(Allow { decision, stamp, receipt, ticket, evidence })))
            }
            Err(RecordError::Stale) => Err(Overtaken(paid)),
            Err(refused) => {
                let denial = denial_for(&refused);
                // A full disk refuses every decision. The ledger says so once, and counts them in the gap entry, which is
                // written once there is free space.
                if !refused.is_from_disk() {
                    let decision = decision.as_str();
                    warn!(decision, %refused, "the decision could not be recorded, so the request is denied");
                    recorder.count_denial(denial.code(), &source, decision);
                }
                Ok(Answer::denied(decision, Denied::on_route(denial, &route), true))
            }
        }
    }
}

/// A stamp, and when the seal ends the request at the latest.
#[derive(Debug)]
pub(super) struct Stamped {
    stamp: String,
    ends: Seconds,
}

/// The stamp for an allow of this case, for the seal that runs behind us. A case without a request line cannot be allowed.
pub(super) fn stamp(decision: &DecisionId, case: &Case<'_>) -> Option<Stamped> {
    let http = case.http.as_ref().ok()?;
    let (line, found) = (case.line.as_ref()?, http.located.as_ref().ok()?.found);
    // What passes without a warrant ends with its exemption, and by no revocation.
    let is_exempt = found.exemption(case.now).is_some();
    let chain = http.chain.as_ref().ok().filter(|_| !is_exempt);
    let ends = [chain.map(|chain| chain.expires()), found.exempt_until().filter(|_| is_exempt)];
    let most = case.now.plus(found.max_stream());
    let ends = ends.into_iter().flatten().fold(most, Seconds::min);
    let stamp = Stamp {
        decision: decision.as_str(),
        expires: ends,
        marks: chain.iter().flat_map(|chain| chain.revocables()).map(Revocable::mark).collect(),
        method: line.method,
        authority: std::str::from_utf8(line.authority).ok()?,
        path: std::str::from_utf8(line.path_and_query).ok()?,
    };
    Some(Stamped { stamp: stamp.to_text()?, ends })
}

impl Allow {
    pub fn decision(&self) -> &DecisionId {
        &self.decision
    }

    pub fn stamp(&self) -> &str {
        &self.stamp
    }

    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Proves the decision to the upstream, if the route asks for that.
    pub fn evidence(&self) -> Option<&str> {
        self.evidence.as_deref()
    }

    /// The ticket by which its outcome is recognised later.
    pub fn ticket(&self) -> &str {
        &self.ticket
    }
}

/// The outcome of an allow that is on record although the request was denied: the deadline passed while the entry was on
/// its way to the disk.
fn came_too_late(decision: &DecisionId, proxy: &str, index: u64) -> entry::OutcomeReport {
    entry::OutcomeReport {
        attempts: 0,
        bytes_in: 0,
        bytes_out: 0,
        duration: 0,
        id: decision.as_str().to_owned(),
        index,
        proxy: proxy.to_owned(),
        reached: false,
        repeat: false,
        status: Some(u64::from(Denial::DeadlineExceeded.status())),
        termination: Denial::DeadlineExceeded.code().to_owned(),
    }
}

fn denial_for(refused: &RecordError) -> Denial {
    match refused {
        RecordError::TooLarge(_) | RecordError::NotCanonical(_) => Denial::ArgumentsInvalid,
        RecordError::Stale => Denial::GovernanceStale,
        RecordError::ClockAhead => Denial::GovernanceInconsistent,
        RecordError::Refused(_) => Denial::Internal,
        RecordError::QueueFull
        | RecordError::DiskFull
        | RecordError::ReadOnly
        | RecordError::OverQuota
        | RecordError::Closed => Denial::LedgerUnavailable,
    }
}
