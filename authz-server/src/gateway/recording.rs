//! One decision on its way into the ledger: its entry, and its denial. What an allow needs is in `allow`.

use std::sync::Arc;

use ledger::entry::{Decision, DecisionOutcome, ENTRY_BYTES_AT_MOST};
use policy::Bundle;
use policy::decision::{Case, Denied, Identity, Judgement};
use warrant::problem::{Problem, Realm};
use warrant::{Denial, Seconds};

use super::allow::{Stamped, stamp};
use super::burn::Paid;
use super::receipts::{self, ReceiptDraft, ReceiptMint};
use super::{Answer, DenialAnswer, IncomingRequest};
use crate::record;
use crate::recorder::{DecisionId, Recorder};

/// One decision on its way into the ledger.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) recorder: Recorder,
    pub(super) decision: DecisionId,
    pub(super) entry: Decision,
    pub(super) stamp: Option<Stamped>,
    /// When the first of the facts that permit it stops to hold.
    pub(super) lapse: Option<Seconds>,
    /// What the upstream gets to prove the decision, if the route asks for it.
    pub(super) receipt: Option<(Arc<ReceiptMint>, ReceiptDraft)>,
    bundle: Arc<Bundle>,
    /// Who asked, for shares and for counts: the client's identity; without one, the client's address or the proxy.
    pub(super) source: String,
}

/// The most bytes that come to an entry later: when it ends, and what is burned: a path, an issuer and numbers for each of eight
/// links, and a proof.
const ADDED_AT_MOST: usize = 9 * 1024 + 32;

impl Recording {
    /// Takes down the judge's whole input and the verdict. Later stages do not change them.
    pub(super) fn of(
        recorder: &Recorder,
        decision: &DecisionId,
        case: &Case<'_>,
        judgement: &Judgement,
        bundle: &Arc<Bundle>,
        request: &IncomingRequest,
    ) -> Recording {
        let mut entry = record::of_case(decision.as_str(), case, judgement, bundle, recorder.digest_key());
        entry.traceparent = request.traceparent().map(str::to_owned);
        Recording {
            recorder: recorder.clone(),
            decision: decision.clone(),
            entry,
            stamp: stamp(decision, case),
            lapse: None,
            receipt: None,
            bundle: Arc::clone(bundle),
            source: source(case, request).to_owned(),
        }
    }

    /// Checks that an entry can hold this decision. It is called before anything is burned: without an entry there is
    /// no allow, and what is burned is not given back.
    pub(super) fn check_fits(&self) -> Result<(), Denied> {
        if fits(&self.entry, ADDED_AT_MOST) {
            return Ok(());
        }
        let detail = Some("the request is too large to record".to_owned());
        let route = self.entry.verdict.route.clone();
        Err(Denied { detail, route, ..Denied::from(Denial::ArgumentsInvalid) })
    }

    /// Adds what an earlier judging of this request burned: it stays burned, also if this judging denies.
    pub(super) fn with_paid(mut self, paid: Option<&Paid>) -> Recording {
        self.entry.burned = paid.map(Paid::recorded).unwrap_or_default();
        self
    }

    /// Prepares the receipt for the upstream, if the route asks for one and this server may make it.
    pub(super) fn with_receipt(
        mut self,
        mint: Option<&Arc<ReceiptMint>>,
        case: &Case<'_>,
        judgement: &Judgement,
    ) -> Recording {
        self.receipt =
            mint.and_then(|mint| Some((Arc::clone(mint), receipts::draft(case, judgement, &self.bundle)?)));
        self
    }

    /// Denies: because the judge did, or for a later reason, such as a use that is already burned. The answer does
    /// not wait until the denial is recorded.
    pub(super) fn deny(mut self, denied: Denied) -> Answer {
        self.entry.outcome = DecisionOutcome::Denied(record::code_of(denied.denial));
        self.entry.request.shorten();
        // The next start must find what was burned, and a summary does not say it.
        let needs_own_entry = !self.entry.burned.is_empty();
        let length = self.entry.len_at_most().filter(|length| *length <= ENTRY_BYTES_AT_MOST);
        let is_summarised = if needs_own_entry {
            if length.is_none() {
                shorten(&mut self.entry);
            }
            self.recorder.submit_denial(&self.decision, self.entry.into());
            false
        } else if let Some(length) = length {
            let (decision, source) = (&self.decision, &self.source);
            self.recorder.record_denial(denied.denial, decision, source, self.entry.into(), length)
        } else {
            self.recorder.count_denial(denied.denial.code(), &self.source, self.decision.as_str());
            true
        };
        let issuers = self.bundle.trust().issuers().iter().map(|issuer| issuer.iss.as_str());
        let challenge =
            Problem::of(denied.denial).challenge(Realm { audience: self.bundle.audience(), issuers });
        Answer::Deny(DenialAnswer { decision: self.decision, denied, challenge, is_summarised })
    }
}

fn source<'a>(case: &'a Case<'_>, request: &'a IncomingRequest) -> &'a str {
    match &case.facts.identity {
        Some(Identity(id)) => id,
        None => request.source(),
    }
}

/// Whether an entry can hold this decision and this many bytes more.
pub(super) fn fits(decision: &Decision, more: usize) -> bool {
    decision.len_at_most().is_some_and(|length| length.saturating_add(more) <= ENTRY_BYTES_AT_MOST)
}

/// Removes the two parts of a denial that can be long, but not what must not be lost: what was decided and what was
/// burned.
pub(super) fn shorten(decision: &mut Decision) {
    decision.args.clear();
    decision.chain.clear();
}
