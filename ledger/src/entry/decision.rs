//! The entry kind `decision/1`: the judge's whole input, as parsed facts, and the result.

use std::collections::BTreeMap;

use content_digest::Digest;

use super::burned::Burned;
use super::chain::RecordedChain;
use super::checks::Checks;
use super::codes::{DecisionOutcome, VerdictCode};
use super::define::{kind, object, words};
use super::encoding::EntryDraft;
use super::terms::RecordedTerms;
use super::value::{IntegerJson, Nonce, Posture, RequestText, RevocationTarget};

kind! { "decision/1"
    /// One request was decided. The entry has the judge's whole input, so it can be judged again without any token.
    pub struct Decision {
        /// The arguments that the route reads, by name; a digest, as `{"hmac":…}`, if the route withholds the argument.
        args: BTreeMap<String, IntegerJson>,
        /// The size of the ledger up to which the judge had read the facts.
        as_of: u64,
        /// The valid attestations that the judge read.
        attestation: Vec<RecordedAttestation>,
        /// The active policy bundle; `null` if there was none.
        bundle: Option<RecordedBundle>,
        /// What was burned: one use of every link with a limit, and the proof.
        burned: Vec<Burned>,
        /// The JWK thumbprint (RFC 7638) of the key of the client's certificate; `null` without a certificate.
        certificate: Option<String>,
        /// The warrant, from its root to its leaf; empty if none could be read. Here is what every entry says of it.
        chain: RecordedChain,
        /// The checks before the judge, and their results.
        checks: Checks,
        /// The time that the judge used, in seconds.
        clock: u64,
        /// The conditions that the judge read: every current statement about a condition that the route names.
        conditions: Vec<RecordedCondition>,
        /// When its proxy ends it at the latest, in seconds; `null` if it was denied.
        ends: Option<u64>,
        /// Where the server runs, by dimension.
        environment: BTreeMap<String, String>,
        /// The halted places that the judge read. The mesh and the environment are not here: a halt there fails the check
        /// `governance`.
        halted: Vec<HaltedScope>,
        /// The decision's id.
        id: String,
        /// The client's SPIFFE ID, from its certificate.
        identity: Option<String>,
        /// When the first fact that allowed it stops to hold, in seconds: it is judged again then if it still runs. `null` if
        /// none stops to hold by time, or if it was not allowed by facts.
        lapses: Option<u64>,
        /// The answer to the proxy.
        outcome: DecisionOutcome,
        /// The posture that policies read. Where `halted` applies, the request is denied before any policy reads it.
        posture: Posture,
        /// The proxy that asked.
        proxy: String,
        /// The request.
        request: RecordedRequest,
        /// The revocations in force that the judge read: those that name a link of the warrant.
        revoked: Vec<RecordedRevocation>,
        /// The rest of the warrant.
        terms: RecordedTerms,
        /// The request's W3C trace context.
        traceparent: Option<String>,
        /// The judge's verdict.
        verdict: RecordedVerdict,
    }
}

impl Decision {
    /// The most bytes that this entry can have, as the ledger counts them; `None` if it has no canonical form.
    #[must_use]
    pub fn len_at_most(&self) -> Option<usize> {
        EntryDraft::new(self, Nonce([0; 16])).ok().map(|draft| draft.len_at_most())
    }

    /// Takes the terms of the earlier decision to which this one refers, so that it can be judged again. Returns whether they
    /// are at hand now: not if the earlier decision refers to another one, or is about another warrant.
    pub fn take_terms_of(&mut self, earlier: &Self) -> bool {
        let RecordedTerms::SameAs(reference) = &mut self.terms else { return true };
        if let RecordedTerms::Whole(terms) = &earlier.terms
            && earlier.chain == self.chain
        {
            reference.known = Some(terms.clone());
        }
        reference.known.is_some()
    }

    /// Whether the request was forwarded.
    #[must_use]
    pub fn forwards(&self) -> bool {
        match self.outcome {
            DecisionOutcome::Allowed | DecisionOutcome::Ungoverned | DecisionOutcome::Observed => true,
            DecisionOutcome::Denied(_) => false,
        }
    }
}

object! { "Request"
    /// The request. The query and the body are recorded only as digests under the ledger's digest key.
    pub struct RecordedRequest {
        /// The action that the route derived; `null` if no route matched or nothing could be derived.
        action: Option<String>,
        /// HMAC-SHA-256 of the body; `null` if it was not read.
        body: Option<Digest>,
        /// The authority, as it was sent.
        host: RequestText,
        /// The method.
        method: RequestText,
        /// The raw path without the query.
        path: RequestText,
        /// HMAC-SHA-256 of the query; `null` if there was none.
        query: Option<Digest>,
    }
}

impl RecordedRequest {
    /// Keeps at most 1 KiB of each text. A denial costs a client nothing, so the client must not choose its size.
    pub fn shorten(&mut self) {
        for text in [&mut self.host, &mut self.method, &mut self.path] {
            let whole = std::mem::replace(text, RequestText::from(""));
            *text = whole.shortened();
        }
    }
}

object! { "Policy"
    /// A policy bundle.
    pub struct RecordedBundle {
        /// Its manifest's digest.
        digest: Digest,
        /// Its version.
        version: u64,
    }
}

object! { "Measured"
    /// An attestation that the judge read.
    pub struct RecordedAttestation {
        /// Whether debugging is enabled in the workload; `null` if the statement does not say.
        debug: Option<bool>,
        /// Until when it is valid, in seconds.
        exp: u64,
        /// When the statement was made, in seconds.
        iat: u64,
        /// The attestor.
        iss: String,
        /// The thumbprint of the workload's key; `null` if the statement names none.
        key: Option<String>,
        /// The measurements.
        measurement: Vec<Digest>,
        /// Whether the statement is positive.
        positive: bool,
        /// The workload: its SPIFFE ID.
        subject: String,
    }
}

object! { "Condition"
    /// A current statement about a condition that the judge read. A condition without a current statement has none.
    pub struct RecordedCondition {
        /// Until when it is valid, in seconds.
        exp: u64,
        /// When the statement was made, in seconds.
        iat: u64,
        /// The attestor.
        iss: String,
        /// The name of the condition.
        name: String,
        /// Its value.
        value: String,
    }
}

words! {
    /// A halted place of a request, beside the mesh and the environment.
    pub enum HaltedScope {
        /// The route that matched.
        Route = "route",
        /// The issuer of the warrant.
        Issuer = "issuer",
    }
}

object! { "Revoked"
    /// A revocation in force that names a link of the warrant.
    pub struct RecordedRevocation {
        /// The issuer whose warrants are revoked; empty for keys and holders.
        iss: String,
        /// The path, thumbprint, lineage or holder.
        value: String,
        /// What the value is.
        what: RevocationTarget,
    }
}

object! { "Verdict"
    /// The judge's verdict.
    pub struct RecordedVerdict {
        /// What the judge said: the first denial that holds, or a permit.
        code: VerdictCode,
        /// The ids of the policies that decided, sorted.
        policies: Vec<String>,
        /// The route that matched.
        route: Option<String>,
    }
}
