//! One decision on its way into the ledger: its entry, and the denial where it comes to one. What it takes to allow is in
//! `allow`.

use std::sync::Arc;

use ledger::entry::{self, Decision, DecisionOutcome, ENTRY_BYTES_AT_MOST};
use policy::Bundle;
use policy::decision::{Case, Denied, Judgement};
use warrant::Denial;
use warrant::problem::{Problem, Realm};

use super::allow::{Stamp, stamp};
use super::burn::Paid;
use super::{Answer, Asked, Refusal};
use crate::record;
use crate::recorder::{DecisionId, Recorder};

/// One decision on its way into the ledger.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) recorder: Recorder,
    pub(super) decision: DecisionId,
    pub(super) entry: Decision,
    pub(super) stamp: Option<Stamp>,
    bundle: Arc<Bundle>,
    pub(super) source: String,
}

/// What of an entry is known only once it is spent, at most: a path, an issuer and numbers for each of eight links, and a proof.
const SPENT_AT_MOST: usize = 9 * 1024;

impl Recording {
    /// Writes down the judge's whole input and the verdict. They stay, whatever else becomes of the request.
    pub(super) fn of(
        recorder: &Recorder,
        decision: &DecisionId,
        case: &Case<'_>,
        judgement: &Judgement,
        bundle: &Arc<Bundle>,
        asked: &Asked,
    ) -> Recording {
        let mut entry = record::of_case(decision.as_str(), case, judgement, bundle, recorder.digest_key());
        entry.traceparent = asked.traceparent().map(str::to_owned);
        Recording {
            recorder: recorder.clone(),
            decision: decision.clone(),
            entry,
            stamp: stamp(case),
            bundle: Arc::clone(bundle),
            source: asked.source().to_owned(),
        }
    }

    /// Whether an entry can hold what the judge let pass. Asked before anything is spent: without a record there is no
    /// allow, and what was spent stays so.
    pub(super) fn fits(&self) -> Result<(), Denied> {
        if fits(&self.entry, SPENT_AT_MOST) {
            return Ok(());
        }
        let detail = Some("what is asked for is longer than a record may be".to_owned());
        let route = self.entry.verdict.route.clone();
        Err(Denied { detail, route, ..Denied::from(Denial::ArgumentsInvalid) })
    }

    /// What an earlier judging of this request has spent stays spent, whatever comes of this one.
    pub(super) fn paid(mut self, paid: Option<&Paid>) -> Recording {
        self.entry.burned = paid.map(Paid::spent).unwrap_or_default();
        self
    }

    /// Denies: the judge did, or something else stands against what the judge let pass, such as a use that could not be
    /// paid. Nobody waits for the record of it.
    pub(super) fn deny(mut self, denied: Denied) -> Answer {
        self.entry.outcome = DecisionOutcome::Denied(denied.denial.code().to_owned());
        let (code, decision) = (denied.denial.code(), self.decision.as_str());
        // What was spent must be found again at the next start, and only an entry of its own says it.
        let must_stand_alone = !self.entry.burned.is_empty();
        let is_too_long = !fits(&self.entry, 0);
        let is_summarised = if must_stand_alone {
            if is_too_long {
                shorten(&mut self.entry);
            }
            self.recorder.submit_unawaited(&format!("the denial {decision}"), self.entry.into());
            false
        } else if is_too_long {
            self.recorder.count_denial(code, &self.source, decision);
            true
        } else {
            self.recorder.record_denial(denied.denial, &self.decision, &self.source, self.entry.into())
        };
        let issuers = self.bundle.trust().issuers().iter().map(|issuer| issuer.iss.as_str());
        let challenge =
            Problem::of(denied.denial).challenge(Realm { audience: self.bundle.audience(), issuers });
        Answer::Deny(Refusal { decision: self.decision, denied, challenge, is_summarised })
    }
}

/// Whether there is an entry of it, with so many bytes more.
pub(super) fn fits(decision: &Decision, more: usize) -> bool {
    decision.len_at_most().is_some_and(|length| length.saturating_add(more) <= ENTRY_BYTES_AT_MOST)
}

/// Leaves what must not be lost: what was decided, and what was spent.
pub(super) fn shorten(decision: &mut Decision) {
    decision.args.clear();
    decision.chain.clear();
    decision.request.path = entry::RequestText::from("");
}
