//! Who is at the other end of a connection, as the socket or TLS proves it.

use warrant::{Digest, PublicKey, Seconds};

/// The other end of a connection to the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The API's Unix socket, which only this user can open.
    Local,
    /// TLS with a client certificate that leads to a trusted root.
    Certificate(ClientCertificate),
    /// TLS without a client certificate.
    Anonymous,
}

/// A client certificate whose chain and time TLS has checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its one URI name, if that is a SPIFFE ID.
    pub spiffe_id: Option<String>,
    /// The SHA-256 of its DER (`x5t#S256`).
    pub digest: Digest,
    /// The last second of its time.
    pub not_after: Seconds,
    /// Its public key, if that is for ES256 or Ed25519.
    pub key: Option<PublicKey>,
}
