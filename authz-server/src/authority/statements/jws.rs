//! The form of a statement: a compact JWS with a closed header.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use warrant::mint::{Signer, SignerError};
use warrant::{Algorithm, Signature};

use super::StatementFault;
use super::claims::StatementClaims;
use crate::authority::json;
use crate::keys::sign_jws;

/// Room for the claims and a few certificates.
const MAX_STATEMENT_BYTES: usize = 32 * 1024;
const MOST_CERTIFICATES: usize = 5;

/// A statement whose form is good. Nothing in it is verified yet.
pub(super) struct SignedStatement<'a> {
    pub(super) signing_input: &'a str,
    pub(super) algorithm: Algorithm,
    pub(super) key: KeyReference,
    pub(super) signature: Signature,
}

/// Which key signed a statement.
pub(super) enum KeyReference {
    /// The attestor's key of this name in the bundle.
    Listed(String),
    /// The key of the first of these certificates (DER).
    Certificates(Vec<Vec<u8>>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5c: Option<Vec<String>>,
}

impl<'a> SignedStatement<'a> {
    /// Reads a statement of the kind `C`, and its claims.
    pub(super) fn read<C: StatementClaims>(token: &'a str) -> Result<(Self, C), StatementFault> {
        if token.len() > MAX_STATEMENT_BYTES {
            return Err(StatementFault::TooLong);
        }
        let form = |why: &dyn std::fmt::Display| StatementFault::Form(why.to_string());
        let (signing_input, signature) = token.rsplit_once('.').ok_or_else(|| form(&"it has no `.`"))?;
        let (header, payload) =
            signing_input.split_once('.').ok_or_else(|| form(&"it does not have three parts"))?;
        let bytes = |segment: &str| URL_SAFE_NO_PAD.decode(segment).map_err(|error| form(&error));
        let header: Header = json::read(&bytes(header)?).map_err(|error| form(&error))?;
        if header.typ != C::TYP {
            return Err(StatementFault::Type(C::TYP));
        }
        let algorithm = match header.alg.as_str() {
            "ES256" => Algorithm::Es256,
            "Ed25519" | "EdDSA" => Algorithm::Ed25519,
            _ => return Err(StatementFault::Algorithm),
        };
        let key = match (header.kid, header.x5c) {
            (Some(kid), None) => KeyReference::Listed(kid),
            (None, Some(x5c)) => KeyReference::Certificates(certificates(&x5c)?),
            (Some(_), Some(_)) | (None, None) => {
                return Err(form(&"its header has not exactly one of `kid` and `x5c`"));
            }
        };
        let signature = bytes(signature)?;
        let signature = signature.try_into().map_err(|_| form(&"its signature is not 64 bytes"))?;
        let claims = json::read(&bytes(payload)?).map_err(|error| form(&error))?;
        Ok((Self { signing_input, algorithm, key, signature: Signature::new(signature) }, claims))
    }
}

fn certificates(x5c: &[String]) -> Result<Vec<Vec<u8>>, StatementFault> {
    let fault = |why: &str| StatementFault::Form(why.to_owned());
    if !(1..=MOST_CERTIFICATES).contains(&x5c.len()) {
        return Err(fault("`x5c` has not 1 to 5 certificates"));
    }
    let decode = |text: &String| STANDARD.decode(text).map_err(|_| fault("`x5c` is not base64"));
    x5c.iter().map(decode).collect()
}

/// Signs a statement with a key that the attestor's entry in the bundle lists under `kid`. Claims that no server accepts
/// are refused.
pub(super) fn sign<C: StatementClaims>(
    claims: &C,
    kid: &str,
    signer: &dyn Signer,
) -> Result<String, SignerError> {
    claims.check().map_err(|fault| SignerError(fault.to_string()))?;
    let alg = signer.public_key().alg().name().to_owned();
    let header = Header { alg, typ: C::TYP.to_owned(), kid: Some(kid.to_owned()), x5c: None };
    sign_jws(&header, claims, signer)
}
