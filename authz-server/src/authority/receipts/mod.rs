//! Receipts: what an upstream gets to prove that a request was decided and recorded (`Warrant-Receipt`).
//!
//! A receipt is a compact JWS with a header of exactly `alg`, `typ` and `kid`, by a key that signs nothing else. It holds for at
//! most 30 seconds, for one host, method and target, and for the body where the route reads it. This module does not
//! know which requests get one.

mod keys;
mod signers;
mod verify;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use warrant::mint::{Signer, SignerError};
use warrant::{Digest, Seconds};

use crate::keys::sign_jws;

pub use keys::ReceiptKeys;
pub use signers::ReceiptSigners;
pub use verify::{ExpectedReceipt, ReceiptFault, verify};

/// The header that carries a receipt to the upstream.
pub const RECEIPT_HEADER: &str = "warrant-receipt";
/// The `typ` of a receipt.
pub const TYP: &str = "decision-receipt+jwt";
/// For how long a receipt holds at most.
const LIFETIME_SECONDS: u64 = 30;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// The claims of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptClaims {
    /// The name of the log that the decision is in.
    pub iss: String,
    /// The decision's id. An upstream takes each one once, until `exp`.
    pub dec: String,
    pub iat: u64,
    pub exp: u64,
    /// The canonical host.
    pub aud: String,
    pub htm: String,
    /// The canonical host and the raw path with its query.
    pub htu: String,
    /// The SHA-256 of every link's signing input, the root's first, in base64url; empty if no warrant was required.
    pub chain: Vec<String>,
    /// The digest of the bundle that decided.
    pub bundle: Digest,
    pub ledger: LedgerPlace,
    /// The SHA-256 of the body in base64url, where the route reads the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bd: Option<String>,
}

/// Where a decision is on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerPlace {
    pub origin: String,
    pub index: u64,
}

/// A recorded decision that allowed a request.
#[derive(Clone, Copy, Debug)]
pub struct NewReceipt<'a> {
    /// The name of the log.
    pub origin: &'a str,
    /// The index of the decision's entry.
    pub index: u64,
    pub decision: &'a str,
    pub now: Seconds,
    /// The end of the warrant, if there was one: no receipt outlives it.
    pub warrant_ends: Option<Seconds>,
    /// The canonical host.
    pub host: &'a str,
    pub method: &'a str,
    pub path_and_query: &'a str,
    /// The SHA-256 of every link's signing input in base64url, the root's first.
    pub chain: &'a [String],
    pub bundle: Digest,
    /// The SHA-256 of the whole body, where the route reads it.
    pub body: Option<Digest>,
}

impl NewReceipt<'_> {
    fn claims(&self) -> ReceiptClaims {
        let end = self.now.plus(LIFETIME_SECONDS);
        ReceiptClaims {
            iss: self.origin.to_owned(),
            dec: self.decision.to_owned(),
            iat: self.now.get(),
            exp: self.warrant_ends.map_or(end, |warrant_ends| warrant_ends.min(end)).get(),
            aud: self.host.to_owned(),
            htm: self.method.to_owned(),
            htu: format!("{}{}", self.host, self.path_and_query),
            chain: self.chain.to_vec(),
            bundle: self.bundle,
            ledger: LedgerPlace { origin: self.origin.to_owned(), index: self.index },
            bd: self.body.map(|body| body.to_base64url()),
        }
    }
}

/// Signs a receipt with the key of this name.
pub fn mint(receipt: &NewReceipt<'_>, kid: &str, signer: &dyn Signer) -> Result<String, SignerError> {
    let alg = signer.public_key().alg().name().to_owned();
    sign_jws(&Header { alg, typ: TYP.to_owned(), kid: kid.to_owned() }, &receipt.claims(), signer)
}

/// Whether these are the claims of a receipt that an upstream could take.
pub fn check_claims(json: &[u8]) -> Result<(), String> {
    let claims: ReceiptClaims = super::json::read(json).map_err(|error| error.to_string())?;
    if claims.exp > claims.iat.saturating_add(LIFETIME_SECONDS) {
        return Err(ReceiptFault::LivesTooLong.to_string());
    }
    if claims.ledger.origin == claims.iss { Ok(()) } else { Err(ReceiptFault::OtherLog.to_string()) }
}
