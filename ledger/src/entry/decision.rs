//! The entry kind `decision/1`: the judge's whole input, as parsed facts, and the result.

use std::collections::BTreeMap;
use std::fmt;

use content_digest::Digest;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::define::{JsonShape, kind, object, words};
use super::encoding::EntryDraft;
use super::value::{IntegerJson, Nonce, RequestText};

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
        /// The warrant, from its root to its leaf; empty if none could be read.
        chain: Vec<RecordedLink>,
        /// The checks before the judge, and their results.
        checks: Checks,
        /// The time that the judge used, in seconds.
        clock: u64,
        /// The conditions that the judge read.
        conditions: Vec<RecordedCondition>,
        /// Where the server runs, by dimension.
        environment: BTreeMap<String, String>,
        /// The decision's id.
        id: String,
        /// The client's SPIFFE ID, from its certificate.
        identity: Option<String>,
        /// The answer to the proxy.
        outcome: DecisionOutcome,
        /// The posture in force: a word of `posture/1`.
        posture: String,
        /// The proxy that asked.
        proxy: String,
        /// The request.
        request: RecordedRequest,
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
    /// Keeps at most 1 KiB of each text. A client can cause denials for nothing, and must not choose their size too.
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
        arguments: Option<String>,
        /// Each link names the link before it, by its digest and by its holder's key.
        binding: Option<String>,
        /// The body was read and is what the route expects.
        body: Option<String>,
        /// A bundle is in force, the clock is sane, nothing is halted.
        governance: Option<String>,
        /// The root is in the record of issued warrants.
        issued: Option<String>,
        /// The warrant was parsed.
        parse: Option<String>,
        /// The proof of possession was parsed and is valid.
        proof: Option<String>,
        /// The query was read and is what the route expects.
        query: Option<String>,
        /// The request line and Portcullis's headers are not ambiguous.
        request: Option<String>,
        /// The root's key is trusted, and all signatures are valid.
        signatures: Option<String>,
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
        /// The authority's key; roots only.
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
        /// Until when it is valid, in seconds.
        exp: u64,
        /// When the statement was made, in seconds.
        iat: u64,
        /// The attestor.
        iss: String,
        /// The measurements.
        measurement: Vec<Digest>,
        /// Whether the statement is positive.
        positive: bool,
        /// The workload: its SPIFFE ID.
        subject: String,
    }
}

object! { "Condition"
    /// A condition that the judge read.
    pub struct RecordedCondition {
        /// When it was stated, in seconds; `null` if no statement is known.
        iat: Option<u64>,
        /// The name of the condition.
        name: String,
        /// Its value; `null` if no statement is known.
        value: Option<String>,
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
        /// `permit`, or the code of the first denial that holds.
        code: String,
        /// The ids of the policies that decided, sorted.
        policies: Vec<String>,
        /// The route that matched.
        route: Option<String>,
    }
}

/// The answer to a request, as `decision/1` records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecisionOutcome {
    /// Forwarded: every check and the judge permitted it.
    Allowed,
    /// Forwarded: the matching route is declared ungoverned.
    Ungoverned,
    /// Forwarded: the route is only observed. The verdict says what would have been decided.
    Observed,
    /// Not forwarded, with this denial code.
    Denied(String),
}

impl DecisionOutcome {
    fn word(&self) -> &str {
        match self {
            Self::Allowed => "allowed",
            Self::Ungoverned => "ungoverned",
            Self::Observed => "observed",
            Self::Denied(code) => code,
        }
    }
}

impl fmt::Display for DecisionOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for DecisionOutcome {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // A denial must never be written in a way that is read as a forward.
        match self {
            Self::Denied(code) if FORWARDS.contains(&code.as_str()) => {
                Err(serde::ser::Error::custom(format!("`{code}` is not a denial code")))
            }
            Self::Allowed | Self::Ungoverned | Self::Observed | Self::Denied(_) => {
                to.serialize_str(self.word())
            }
        }
    }
}

const FORWARDS: [&str; 3] = ["allowed", "ungoverned", "observed"];

impl<'de> Deserialize<'de> for DecisionOutcome {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        Ok(match word.as_str() {
            "allowed" => Self::Allowed,
            "ungoverned" => Self::Ungoverned,
            "observed" => Self::Observed,
            _ => Self::Denied(word),
        })
    }
}

impl JsonShape for DecisionOutcome {
    fn shape() -> String {
        "`allowed` or `observed` or `ungoverned` or a denial's code".to_owned()
    }
}
