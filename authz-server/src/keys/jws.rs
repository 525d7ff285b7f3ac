//! Signs a compact JWS (RFC 7515). What its header and claims are is the business of who calls.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use warrant::mint::{Signer, SignerError};

/// The compact JWS of these claims.
pub fn sign_jws(
    header: &impl Serialize,
    claims: &impl Serialize,
    signer: &dyn Signer,
) -> Result<String, SignerError> {
    let not_json = |error: serde_json::Error| SignerError(error.to_string());
    let header = serde_json::to_vec(header).map_err(not_json)?;
    let claims = serde_json::to_vec(claims).map_err(not_json)?;
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = signer.sign(input.as_bytes())?;
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
