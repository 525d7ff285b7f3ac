//! The calls that feed facts: their bodies, read strictly, and the entries that they ask the ledger for.
//!
//! Everything here is a pure function of the body, the caller, the bundle in force and the time, but for reading a
//! body from a connection. Whether the caller may do it, and whether the ledger takes it, is decided elsewhere.

mod body;
mod browser;
mod natural;
mod posture;
mod reinstatement;
mod revocation;
mod statement;

#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;
use warrant::{Digest, Seconds, formats};

pub use body::{MAX_BODY_BYTES, check_is_json, read_body};
pub use browser::check_same_origin;
pub use natural::Natural;
pub use posture::PostureCall;
pub use reinstatement::ReinstatementCall;
pub use revocation::RevocationCall;
pub use statement::{StatementCall, attestation, condition};

use super::callers::CallerId;
use super::json;
use super::problem::{ApiError, ApiErrorCode};

/// Who makes a call, under which bundle, and when.
#[derive(Clone, Copy, Debug)]
pub struct CallContext<'a> {
    pub by: &'a CallerId,
    /// The bundle whose policy permitted it.
    pub bundle: Digest,
    pub now: Seconds,
}

/// What a call is about: the resource that its permission is asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    Mesh,
    /// `dimension=value`.
    Environment(String),
    Route(String),
    Issuer(String),
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(ApiError::of(ApiErrorCode::TooLarge));
    }
    json::read(body).map_err(|error| malformed(format!("the body is not the JSON of this call: {error}")))
}

/// A reason is for people who read the record: text without control characters.
fn check_reason(reason: &str) -> Result<(), ApiError> {
    let is_text = formats::is_attribution(reason);
    is_text
        .then_some(())
        .ok_or_else(|| malformed("`reason` is not a text of 1 to 256 bytes without control characters"))
}

fn malformed(detail: impl std::fmt::Display) -> ApiError {
    ApiError::new(ApiErrorCode::Malformed, detail)
}
