//! Who is at the other end of a connection to this server. It comes from the connection, never from a request.

use warrant::{Digest, PublicKey};

/// The peer of a connection. Every request on the connection has it among its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// On a Unix socket or, for proxies, on loopback.
    Local,
    /// Over TLS, with a certificate that was verified.
    Certificate(PeerCertificate),
    /// Over TLS, without a certificate.
    Anonymous,
}

/// What a peer's verified certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Its one URI, if that is a SPIFFE ID.
    pub spiffe_id: Option<String>,
    /// The SHA-256 of its DER.
    pub digest: Digest,
    /// Of its public key: RFC 7638 for P-256 and Ed25519, else the SHA-256 of the SubjectPublicKeyInfo in base64url.
    pub thumbprint: String,
    /// Its public key, if that is for ES256 or Ed25519.
    pub key: Option<PublicKey>,
    /// The last second in which every certificate that the peer sent is valid, in seconds since 1970.
    pub not_after: u64,
}
