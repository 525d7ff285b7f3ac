//! Makes the receipt that an allowed request carries to its upstream, where the route asks for one.

use std::sync::Arc;

use policy::Bundle;
use policy::decision::{Case, Judgement};
use warrant::{Digest, Seconds};

use crate::authority::receipts::{NewReceipt, ReceiptSigners, mint};
use crate::keys::NamedSigner;

/// The keys that sign receipts, and the log that they name.
#[derive(Debug)]
pub struct ReceiptMint {
    keys: Arc<ReceiptSigners>,
    origin: String,
}

/// What a receipt will say about a request, before its decision is on record.
#[derive(Clone, Debug)]
pub(super) struct ReceiptDraft {
    now: Seconds,
    warrant_ends: Option<Seconds>,
    host: String,
    method: String,
    path_and_query: String,
    chain: Vec<String>,
    bundle: Digest,
    body: Option<Digest>,
}

/// A receipt could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotSigned;

impl ReceiptMint {
    pub fn new(keys: Arc<ReceiptSigners>, origin: &str) -> ReceiptMint {
        ReceiptMint { keys, origin: origin.to_owned() }
    }

    pub(super) fn sign(&self, draft: &ReceiptDraft, decision: &str, index: u64) -> Result<String, NotSigned> {
        let receipt = NewReceipt {
            origin: &self.origin,
            index,
            decision,
            now: draft.now,
            warrant_ends: draft.warrant_ends,
            host: &draft.host,
            method: &draft.method,
            path_and_query: &draft.path_and_query,
            chain: &draft.chain,
            bundle: draft.bundle,
            body: draft.body,
        };
        self.keys.sign(|NamedSigner { kid, signer }| mint(&receipt, kid, &**signer)).ok_or(NotSigned)
    }
}

/// The draft for a permitted request, if its route asks for a receipt.
pub(super) fn draft(case: &Case<'_>, judgement: &Judgement, bundle: &Bundle) -> Option<ReceiptDraft> {
    let Judgement::Permit(permit) = judgement else { return None };
    let route = bundle.route_named(permit.route()).filter(|route| route.wants_receipt())?;
    let http = case.http.as_ref().ok()?;
    let (target, chain) = (&http.located.as_ref().ok()?.target, http.chain.as_ref().ok()?);
    let line = case.line.as_ref()?;
    Some(ReceiptDraft {
        now: case.now,
        warrant_ends: Some(chain.expires()),
        host: target.host.as_str().to_owned(),
        method: line.method.to_owned(),
        path_and_query: String::from_utf8(line.path_and_query.to_vec()).ok()?,
        chain: chain.digests().map(|digest| digest.to_base64url()).collect(),
        bundle: bundle.digest(),
        body: case.body().filter(|_| route.reads_body()).map(Digest::of),
    })
}
