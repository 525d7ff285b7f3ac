//! The decision: everything the judge was given, as parsed facts, and what came of it.

use std::collections::BTreeMap;
use std::fmt;

use content_digest::Digest;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::form::Draft;
use super::shape::{Shape, kind, object, words};
use super::value::{Json, Nonce, Text};

kind! { "decision/1"
    /// One request was decided. It holds the judge's whole input, so that it can be judged again without any token.
    pub struct Decision {
        /// The arguments that the route reads, by name; a digest, as `{"hmac":…}`, where the route asks to withhold one.
        args: BTreeMap<String, Json>,
        /// The ledger's size up to which the judge had read the facts.
        as_of: u64,
        /// The current attestations that the judge read.
        attestation: Vec<Measured>,
        /// The active policy bundle; `null` where none was.
        bundle: Option<Policy>,
        /// What was taken: a use from every link with a limit, and the proof.
        burned: Vec<Burned>,
        /// The warrant, from its root to its leaf; empty where none could be read.
        chain: Vec<Link>,
        /// What was checked before the judge was asked.
        checks: Checks,
        /// The time that the judge used, in seconds.
        clock: u64,
        /// The conditions that the judge read.
        conditions: Vec<Condition>,
        /// Where the server runs, by dimension.
        environment: BTreeMap<String, String>,
        /// The decision's id.
        id: String,
        /// Who asked, by client certificate: a SPIFFE ID.
        identity: Option<String>,
        /// What was answered.
        outcome: Answer,
        /// The posture in force there: a word of `posture/1`.
        posture: String,
        /// Which proxy asked.
        proxy: String,
        /// What was asked for.
        request: Request,
        /// The request's W3C trace context.
        traceparent: Option<String>,
        /// What the judge said.
        verdict: Verdict,
    }
}

impl Decision {
    /// The most bytes that it takes on record, as the ledger counts them when it is handed over; `None` where it has no
    /// canonical form.
    #[must_use]
    pub fn len_at_most(&self) -> Option<usize> {
        Draft::new(self, Nonce([0; 16])).ok().map(|draft| draft.len_at_most())
    }

    /// Whether the request was let through.
    #[must_use]
    pub fn forwards(&self) -> bool {
        match self.outcome {
            Answer::Allowed | Answer::Ungoverned | Answer::Observed => true,
            Answer::Denied(_) => false,
        }
    }
}

object! {
    /// What was asked for. Query and body only as digests under the ledger's digest key.
    pub struct Request {
        /// What the route derived as the action; `null` where no route matched, or nothing could be derived.
        action: Option<String>,
        /// HMAC-SHA-256 of the body; `null` where it was not read.
        body: Option<Digest>,
        /// The authority as it was sent.
        host: Text,
        /// The method.
        method: Text,
        /// The raw path without its query.
        path: Text,
        /// HMAC-SHA-256 of the query; `null` where there was none.
        query: Option<Digest>,
    }
}

object! {
    /// The result of each check before the judge: `ok`, a denial's code, or `null` where it was not made.
    pub struct Checks {
        /// The arguments in path and headers, and the action, are what the route expects.
        arguments: Option<String>,
        /// Each link names the one before it, by its digest and its holder's key.
        binding: Option<String>,
        /// The body was read and is what the route expects.
        body: Option<String>,
        /// A bundle is in force, the clock is sane, nothing is halted.
        governance: Option<String>,
        /// The root is in the issuance record.
        issued: Option<String>,
        /// The warrant was parsed.
        parse: Option<String>,
        /// The proof of possession was parsed and holds.
        proof: Option<String>,
        /// The query was read and is what the route expects.
        query: Option<String>,
        /// The request line and our headers are not ambiguous.
        request: Option<String>,
        /// The root's key is trusted, and all signatures hold.
        signatures: Option<String>,
    }
}

/// None was made.
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

object! {
    /// A policy bundle.
    pub struct Policy {
        /// Its manifest's digest.
        digest: Digest,
        /// Its version.
        version: u64,
    }
}

object! {
    /// One verified link of a warrant.
    pub struct Link {
        /// The attestation it is bound to: the measurements.
        att: Option<Vec<String>>,
        /// Attribution; roots only.
        attr: Option<BTreeMap<String, String>>,
        /// The meshes it is for.
        aud: Vec<String>,
        /// What may be done, or the digest of its canonical form where it is large.
        authorization_details: Details,
        /// The thumbprint of the holder's key.
        cnf: String,
        /// The id of the decision to issue it; roots only.
        dec: Option<String>,
        /// Its place in the chain.
        depth: u64,
        /// The environments it is for, by dimension.
        env: BTreeMap<String, Vec<String>>,
        /// When it ends, in seconds.
        exp: u64,
        /// When it was made, in seconds.
        iat: u64,
        /// On whose behalf it runs; roots only.
        ini: Option<Person>,
        /// Who signed it: the authority's URL, or the thumbprint URI of the parent's key.
        iss: String,
        /// Its name.
        jti: String,
        /// The authority's key; roots only.
        kid: Option<String>,
        /// How deep the chain may get.
        max_depth: u64,
        /// When it begins, in seconds.
        nbf: u64,
        /// The digest of the bundle under which it was issued; roots only.
        pol: Option<String>,
        /// The holder.
        sub: String,
        /// The lineage's name; roots only.
        txn: Option<String>,
        /// How often it may be used; `null`: without limit.
        r#use: Option<u64>,
    }
}

object! {
    /// Somebody, as an issuer names them.
    pub struct Person {
        /// The issuer.
        iss: String,
        /// The subject.
        sub: String,
    }
}

impl Link {
    /// Whether something of it is kept only as a digest.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        match self.authorization_details {
            Details::Whole(_) => false,
            Details::Digest(_) => true,
        }
    }
}

/// A link's details, whole or by digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    /// As they are in the warrant.
    Whole(Vec<Json>),
    /// Only the digest of their canonical form: replay calls such a decision withheld.
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
        match Json::deserialize(from)? {
            Json::Array(details) => Ok(Self::Whole(details)),
            Json::String(text) => Digest::parse(&text)
                .map(Self::Digest)
                .ok_or_else(|| D::Error::custom("details: not a digest")),
            Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Object(_) => {
                Err(D::Error::custom("details: neither an array nor a digest"))
            }
        }
    }
}

impl Shape for Details {
    fn shape() -> String {
        "array of JSON with integers only, or digest".to_owned()
    }
}

object! {
    /// An attestation that the judge read.
    pub struct Measured {
        /// Until when it is current, in seconds.
        exp: u64,
        /// When it was stated, in seconds.
        iat: u64,
        /// The attestor.
        iss: String,
        /// What was measured.
        measurement: Vec<Digest>,
        /// Whether it speaks for the workload.
        positive: bool,
        /// About whom: the workload's SPIFFE ID.
        subject: String,
    }
}

object! {
    /// A condition that the judge read.
    pub struct Condition {
        /// When it was stated, in seconds; `null` where nothing is known of it.
        iat: Option<u64>,
        /// Which condition.
        name: String,
        /// Its value; `null` where nothing is known of it.
        value: Option<String>,
    }
}

words! {
    /// What is burned.
    pub enum Burn {
        /// One use of a warrant.
        Use = "use",
        /// A proof of possession.
        Proof = "proof",
    }
}

object! {
    /// One thing that was taken and cannot be taken again.
    pub struct Burned {
        /// How often it may be taken in all.
        max: u64,
        /// A warrant's path of `jti`s joined with `/`, or a proof's `jti`.
        name: String,
        /// The root's issuer, or the thumbprint of the key that made the proof.
        owner: String,
        /// Until when it must be remembered, in seconds.
        until: u64,
        /// What it is.
        what: Burn,
    }
}

object! {
    /// What the judge said.
    pub struct Verdict {
        /// `permit`, or the code of the first denial that holds.
        code: String,
        /// The ids of the policies that decided, sorted.
        policies: Vec<String>,
        /// The route that matched.
        route: Option<String>,
    }
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Forwarded: every stage agreed.
    Allowed,
    /// Forwarded: the match is declared ungoverned.
    Ungoverned,
    /// Forwarded: the route is only observed; the verdict says what it would have got.
    Observed,
    /// Not forwarded, for this denial's code.
    Denied(String),
}

impl Answer {
    fn word(&self) -> &str {
        match self {
            Self::Allowed => "allowed",
            Self::Ungoverned => "ungoverned",
            Self::Observed => "observed",
            Self::Denied(code) => code,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // A denial that would read back as a forward must never be written.
        match self {
            Self::Denied(code) if FORWARDS.contains(&code.as_str()) => {
                Err(serde::ser::Error::custom(format!("`{code}` is not the code of a denied decision")))
            }
            Self::Allowed | Self::Ungoverned | Self::Observed | Self::Denied(_) => {
                to.serialize_str(self.word())
            }
        }
    }
}

const FORWARDS: [&str; 3] = ["allowed", "ungoverned", "observed"];

impl<'de> Deserialize<'de> for Answer {
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

impl Shape for Answer {
    fn shape() -> String {
        "`allowed` or `observed` or `ungoverned` or a denial's code".to_owned()
    }
}
