//! Facts about the world beside the request, as plain values. A fact that nobody knows is absent here, and whatever
//! asks for it denies.

use std::collections::BTreeMap;

use crate::documents::Posture;

/// What the judge may know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who presented the connection's validated certificate.
    pub identity: Option<Identity>,
    /// Where this server runs: one value a dimension.
    pub environment: BTreeMap<String, String>,
    /// Conditions of the mesh, as they were last attested.
    pub conditions: BTreeMap<String, Attested>,
    /// The current attestations of the certificate's workload.
    pub attestations: Vec<Attestation>,
    /// How the mesh stands.
    pub posture: Posture,
    /// Whether the root is in the issuance record.
    pub issued: bool,
}

/// A validated client certificate's SPIFFE ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(pub String);

/// One current attestation about a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Who stated it, about whom.
    pub iss: String,
    pub subject: String,
    /// Until when it is current.
    pub exp: u64,
    /// Whether it speaks for the workload.
    pub positive: bool,
    pub measurement: String,
    /// Seconds since it was stated.
    pub age: u64,
}

/// A condition as it was last attested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    pub value: String,
    /// Seconds since.
    pub age: u64,
}
