//! Facts about the world outside the request, as plain values. An unknown fact is absent, and a rule that
//! needs it denies.

use std::collections::BTreeMap;

use crate::documents::Posture;

/// All facts that the judge may know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The identity in the connection's validated certificate.
    pub identity: Option<Identity>,
    /// Where this server runs: one value for each dimension.
    pub environment: BTreeMap<String, String>,
    /// Conditions of the mesh, as last attested.
    pub conditions: BTreeMap<String, Attested>,
    /// The current attestations of the certificate's workload.
    pub attestations: Vec<Attestation>,
    /// The posture of the mesh.
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
    /// The attestor.
    pub iss: String,
    /// The workload.
    pub subject: String,
    /// Until when it is current.
    pub exp: u64,
    /// Whether it is in favour of the workload.
    pub positive: bool,
    pub measurement: String,
    /// Seconds since it was attested.
    pub age: u64,
}

/// A condition, as last attested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    pub value: String,
    /// Seconds since it was attested.
    pub age: u64,
}
