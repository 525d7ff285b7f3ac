//! The entry kind `decision/1`: the judge's whole input, as parsed facts, and the result.

use std::collections::BTreeMap;

use content_digest::Digest;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::chain::RecordedChain;
use super::codes::{CheckResult, DecisionOutcome, VerdictCode};
use super::define::{JsonShape, kind, object, words};
use super::encoding::EntryDraft;
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
        burned: Vec<RecordedBurn>,
        /// The JWK thumbprint (RFC 7638) of the key of the client's certificate; `null` without a certificate.
        certificate: Option<String>,
        /// The warrant, from its root to its leaf; empty if none could be read.
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

object! { "Checks"
    /// The result of each check before the judge: `ok`, a denial's code, or `null` if the check was not made.
    pub struct Checks {
        /// The arguments in path and headers, and the action, are what the route expects.
        arguments: Option<CheckResult>,
        /// Each link names the link before it, by its digest and by its holder's key.
        binding: Option<CheckResult>,
        /// The body was read and is what the route expects.
        body: Option<CheckResult>,
        /// A bundle is in force, the clock is sane, nothing is halted.
        governance: Option<CheckResult>,
        /// The root is in the record of issued warrants.
        issued: Option<CheckResult>,
        /// The warrant was parsed.
        parse: Option<CheckResult>,
        /// The proof of possession was parsed and is valid.
        proof: Option<CheckResult>,
        /// The query was read and is what the route expects.
        query: Option<CheckResult>,
        /// The request line and Portcullis's headers are not ambiguous.
        request: Option<CheckResult>,
        /// The root's key is trusted, and all signatures are valid.
        signatures: Option<CheckResult>,
    }
}

/// No check was made.
impl Default for Checks {
    fn default() -> Self {
        Self {
            arguments: None,
            binding: None,
            body: None,
            governance: None,
            issued: None,
            parse: None,
            proof: None,
            query: None,
            request: None,
            signatures: None,
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

object! { "Link"
    /// One verified link of a warrant.
    pub struct RecordedLink {
        /// The measurements of the attestation to which it is bound.
        att: Option<Vec<String>>,
        /// The attribution; roots only.
        attr: Option<BTreeMap<String, String>>,
        /// The meshes for which it is valid.
        aud: Vec<String>,
        /// What may be done, or the digest of its canonical form if it is large.
        authorization_details: Details,
        /// The thumbprint of the holder's key.
        cnf: String,
        /// The id of the decision that issued it; roots only.
        dec: Option<String>,
        /// Its place in the chain.
        depth: u64,
        /// The environments for which it is valid, by dimension.
        env: BTreeMap<String, Vec<String>>,
        /// When it expires, in seconds.
        exp: u64,
        /// When it was issued, in seconds.
        iat: u64,
        /// The person on whose behalf it runs; roots only.
        ini: Option<Person>,
        /// The signer: the authority's URL, or the thumbprint URI of the parent's key.
        iss: String,
        /// Its id.
        jti: String,
        /// The JWK thumbprint (RFC 7638) of the authority's key that verified it; roots only.
        key: Option<String>,
        /// The name of the authority's key; roots only.
        kid: Option<String>,
        /// The greatest depth that the chain may have.
        max_depth: u64,
        /// From when it is valid, in seconds.
        nbf: u64,
        /// The digest of the bundle under which it was issued; roots only.
        pol: Option<String>,
        /// The holder.
        sub: String,
        /// The lineage's id; roots only.
        txn: Option<String>,
        /// How often it may be used; `null` for no limit.
        r#use: Option<u64>,
    }
}

object! { "Person"
    /// A person, as an issuer names them.
    pub struct Person {
        /// The issuer.
        iss: String,
        /// The subject.
        sub: String,
    }
}

impl RecordedLink {
    /// Whether this key signed it as the authority's, or is its holder's.
    pub(crate) fn is_by_key(&self, thumbprint: &str) -> bool {
        self.cnf == thumbprint || self.key.as_deref() == Some(thumbprint)
    }

    /// Whether a part of it is recorded only as a digest.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        match self.authorization_details {
            Details::Whole(_) => false,
            Details::Digest(_) => true,
        }
    }
}

/// The details of a link, whole or as a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    /// As they are in the warrant.
    Whole(Vec<IntegerJson>),
    /// Only the digest of their canonical form. Replay calls such a decision withheld.
    Digest(Digest),
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(details) => details.serialize(to),
            Self::Digest(digest) => digest.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match IntegerJson::deserialize(from)? {
            IntegerJson::Array(details) => Ok(Self::Whole(details)),
            IntegerJson::String(text) => Digest::parse(&text)
                .map(Self::Digest)
                .ok_or_else(|| D::Error::custom("details: the string is not a digest")),
            IntegerJson::Null | IntegerJson::Bool(_) | IntegerJson::Integer(_) | IntegerJson::Object(_) => {
                Err(D::Error::custom("details: neither an array nor a digest"))
            }
        }
    }
}

impl JsonShape for Details {
    fn shape() -> String {
        "array of JSON with integers only, or digest".to_owned()
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

words! {
    /// What is burned.
    pub enum BurnKind {
        /// One use of a warrant.
        Use = "use",
        /// A proof of possession.
        Proof = "proof",
    }
}

object! { "Burned"
    /// One use of a warrant, or one proof, that was burned. It cannot be used again.
    pub struct RecordedBurn {
        /// How often it may be burned in total.
        max: u64,
        /// A warrant's path of `jti`s, joined with `/`, or a proof's `jti`.
        name: String,
        /// The issuer of the root, or the thumbprint of the key that made the proof.
        owner: String,
        /// Until when it must be remembered, in seconds.
        until: u64,
        /// What was burned.
        what: BurnKind,
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
