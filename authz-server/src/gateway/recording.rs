//! One decision on its way into the ledger: its entry, and its denial. What an allow needs is in `allow`.

use std::sync::Arc;

use ledger::entry::{Decision, DecisionOutcome, ENTRY_BYTES_AT_MOST};
use policy::Bundle;
use policy::decision::{Case, Denied, Identity, Judgement};
use warrant::Seconds;
use warrant::problem::{Problem, Realm};

use super::allow::{Stamped, stamp};
use super::burn::Paid;
use super::receipts::{self, ReceiptDraft, ReceiptMint};
use super::warrant_in_log::WarrantInLog;
use super::{Answer, DenialAnswer, IncomingRequest};
use crate::record;
use crate::recorder::{DecisionId, Recorder};

/// One decision on its way into the ledger.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) entry: Box<Decision>,
    pub(super) parts: AnswerParts,
}

/// What the answer needs besides the entry.
#[derive(Debug)]
pub(super) struct AnswerParts {
    pub(super) recorder: Recorder,
    pub(super) decision: DecisionId,
    pub(super) stamp: Option<Stamped>,
    /// When the first of the facts that permit it stops to hold.
    pub(super) lapse: Option<Seconds>,
    /// What the upstream gets to prove the decision, if the route asks for it.
    pub(super) receipt: Option<(Arc<ReceiptMint>, ReceiptDraft)>,
    pub(super) warrant: Option<WarrantInLog>,
    bundle: Arc<Bundle>,
    /// Who asked, for shares and for counts: the client's identity; without one, the client's address or the proxy.
    pub(super) source: String,
}

impl Recording {
    /// Takes down the judge's whole input and the verdict. Later stages do not change them.
    pub(super) fn of(
        recorder: &Recorder,
        decision: &DecisionId,
        case: &Case<'_>,
        warrant: Option<WarrantInLog>,
        judgement: &Judgement,
        bundle: &Arc<Bundle>,
        request: &IncomingRequest,
    ) -> Recording {
        let key = recorder.digest_key();
        let recorded = warrant.as_ref().map(|warrant| warrant.recorded(case.as_of)).unwrap_or_default();
        let mut entry = record::of_case(decision.as_str(), case, recorded, judgement, bundle, key);
        entry.traceparent = request.traceparent().map(str::to_owned);
        let parts = AnswerParts {
            recorder: recorder.clone(),
            decision: decision.clone(),
            stamp: stamp(decision, case),
            lapse: None,
            receipt: None,
            warrant,
            bundle: Arc::clone(bundle),
            source: source(case, request).to_owned(),
        };
        Recording { entry: Box::new(entry), parts }
    }

    /// Adds what an earlier judging of this request burned: it stays burned, also if this judging denies.
    pub(super) fn with_paid(mut self, paid: Option<&Paid>) -> Recording {
        self.entry.burned = paid.map(|paid| paid.recorded(&self.entry.chain)).unwrap_or_default();
        self
    }

    /// Prepares the receipt for the upstream, if the route asks for one and this server may make it.
    pub(super) fn with_receipt(
        mut self,
        mint: Option<&Arc<ReceiptMint>>,
        case: &Case<'_>,
        judgement: &Judgement,
    ) -> Recording {
        let draft = |mint| Some((Arc::clone(mint), receipts::draft(case, judgement, &self.parts.bundle)?));
        self.parts.receipt = mint.and_then(draft);
        self
    }

    /// Denies: because the judge did, or for a later reason, such as a use that is already burned. The answer does
    /// not wait until the denial is recorded.
    pub(super) fn deny(mut self, denied: Denied) -> Answer {
        self.entry.outcome = DecisionOutcome::Denied(record::code_of(denied.denial));
        self.entry.request.shorten();
        // The next start must find what was burned, and a summary does not say it.
        let needs_own_entry = !self.entry.burned.is_empty();
        let AnswerParts { recorder, decision, bundle, source, .. } = self.parts;
        let length = self.entry.len_at_most().filter(|length| *length <= ENTRY_BYTES_AT_MOST);
        let is_summarised = if needs_own_entry {
            if length.is_none() {
                shorten(&mut self.entry);
            }
            recorder.submit_denial(&decision, (*self.entry).into());
            false
        } else if let Some(length) = length {
            recorder.record_denial(denied.denial, &decision, &source, (*self.entry).into(), length)
        } else {
            recorder.count_denial(denied.denial.code(), &source, decision.as_str());
            true
        };
        let issuers = bundle.trust().issuers().iter().map(|issuer| issuer.iss.as_str());
        let challenge = Problem::of(denied.denial).challenge(Realm { audience: bundle.audience(), issuers });
        Answer::Deny(DenialAnswer { decision, denied, challenge, is_summarised })
    }
}

fn source<'a>(case: &'a Case<'_>, request: &'a IncomingRequest) -> &'a str {
    match &case.facts.identity {
        Some(Identity(id)) => id,
        None => request.source(),
    }
}

/// Removes the parts of a denial that can be long, but not what must not be lost: what was decided and what was
/// burned.
pub(super) fn shorten(decision: &mut Decision) {
    decision.args.clear();
    decision.remove_chain();
}
