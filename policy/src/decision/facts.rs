//! Facts about the world outside the request, as plain values. An unknown fact is absent, and a rule that
//! needs it denies.
//!
//! The caller selects what concerns the request: the current statements that apply to it, and the
//! revocations that name its warrant. The judge checks all that it is given.

use std::collections::BTreeMap;

use warrant::Revocable;

use crate::documents::Posture;

/// All facts that the judge may know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The identity in the connection's validated certificate.
    pub identity: Option<Identity>,
    /// The thumbprint (RFC 7638) of that certificate's key.
    pub certificate: Option<String>,
    /// Where this server runs, narrowed by what the bundle says of the proxy: one value for each dimension.
    pub environment: BTreeMap<String, String>,
    /// What is halted, besides the mesh and the environment.
    pub halted: HaltedScopes,
    /// The names of this warrant's chain that are revoked.
    pub revoked: Vec<Revocable>,
    /// The current statements about conditions of the mesh and of this environment.
    pub conditions: Vec<ConditionFact>,
    /// The current attestations of the certificate's workload.
    pub attestations: Vec<Attestation>,
    /// The strictest posture that applies.
    pub posture: Posture,
    /// Whether the root is in the issuance record.
    pub issuance: Issuance,
}

/// A validated client certificate's SPIFFE ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(pub String);

/// The scopes that are halted for this request only. A halted mesh or environment denies before the judge
/// reads facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HaltedScopes {
    /// The route that matches the request, governed or not.
    pub route: bool,
    /// The issuer of the root.
    pub issuer: bool,
}

/// Whether the root of the warrant is in the issuance record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Issuance {
    Recorded,
    #[default]
    NotRecorded,
    /// The record could not be read, so nobody knows.
    Unknown,
}

/// One current attestation about a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The attestor.
    pub iss: String,
    /// The workload.
    pub subject: String,
    /// The thumbprint of the workload's key, if the statement is about one key only.
    pub key: Option<String>,
    /// When it was attested, in seconds.
    pub iat: u64,
    /// Until when it is current, in seconds.
    pub exp: u64,
    /// Whether it is in favour of the workload.
    pub positive: bool,
    /// Whether the workload can be debugged; `None` if the statement does not say.
    pub debug: Option<bool>,
    pub measurements: Vec<String>,
}

/// One current statement about a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionFact {
    pub name: String,
    /// The attestor.
    pub iss: String,
    pub value: String,
    /// When it was stated, in seconds.
    pub iat: u64,
    /// Until when it is current, in seconds.
    pub exp: u64,
}
