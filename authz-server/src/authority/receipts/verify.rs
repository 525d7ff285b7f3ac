//! Verifies a receipt, as an upstream does. Whether its `dec` was seen before is for the upstream to remember.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use warrant::verifier::is_signed_by;
use warrant::{AwsLcVerifier, Digest, Seconds, Signature};

use super::{Header, LIFETIME_SECONDS, ReceiptClaims, ReceiptKeys, TYP};
use crate::authority::json;

const MAX_RECEIPT_BYTES: usize = 16 * 1024;

/// The request that a receipt must be for, and the time.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedReceipt<'a> {
    /// The name of the log.
    pub iss: &'a str,
    /// The canonical host.
    pub aud: &'a str,
    pub method: &'a str,
    /// The canonical host and the raw path with its query.
    pub htu: &'a str,
    /// The whole body. Without it the receipt must not name a body.
    pub body: Option<&'a [u8]>,
    pub now: Seconds,
    /// By how many seconds the two clocks may differ.
    pub leeway: u64,
}

/// Why a receipt does not hold for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptFault {
    /// It is not a compact JWS of the required form; the text says what is wrong.
    Malformed(String),
    OtherType,
    UnknownKey,
    SignatureInvalid,
    OtherLog,
    OtherAudience,
    OtherMethod,
    OtherTarget,
    /// The receipt names a body, and no body was given to compare.
    BodyExpected,
    /// A body was given, and the receipt names none.
    BodyNotCovered,
    OtherBody,
    FromTheFuture,
    LivesTooLong,
    Expired,
}

/// The claims of a receipt that holds for this request now.
pub fn verify(
    token: &str,
    keys: &ReceiptKeys,
    expected: &ExpectedReceipt<'_>,
) -> Result<ReceiptClaims, ReceiptFault> {
    let claims = signed_claims(token, keys)?;
    let fits = [
        (claims.iss == expected.iss && claims.ledger.origin == expected.iss, ReceiptFault::OtherLog),
        (claims.aud == expected.aud, ReceiptFault::OtherAudience),
        (claims.htm == expected.method, ReceiptFault::OtherMethod),
        (claims.htu == expected.htu, ReceiptFault::OtherTarget),
    ];
    if let Some((_, fault)) = fits.into_iter().find(|(holds, _)| !holds) {
        return Err(fault);
    }
    match (expected.body, &claims.bd) {
        (None, None) => {}
        (None, Some(_)) => return Err(ReceiptFault::BodyExpected),
        (Some(_), None) => return Err(ReceiptFault::BodyNotCovered),
        (Some(body), Some(digest)) if *digest == Digest::of(body).to_base64url() => {}
        (Some(_), Some(_)) => return Err(ReceiptFault::OtherBody),
    }
    if claims.iat > expected.now.plus(expected.leeway).get() {
        return Err(ReceiptFault::FromTheFuture);
    }
    if claims.exp > claims.iat.saturating_add(LIFETIME_SECONDS) {
        return Err(ReceiptFault::LivesTooLong);
    }
    if claims.exp.saturating_add(expected.leeway) <= expected.now.get() {
        return Err(ReceiptFault::Expired);
    }
    Ok(claims)
}

/// The claims of a receipt that one of these keys signed.
fn signed_claims(token: &str, keys: &ReceiptKeys) -> Result<ReceiptClaims, ReceiptFault> {
    let malformed = |why: &dyn fmt::Display| ReceiptFault::Malformed(why.to_string());
    if token.len() > MAX_RECEIPT_BYTES {
        return Err(malformed(&"it has more than 16 KiB"));
    }
    let shape = || malformed(&"it does not have three parts, joined with `.`");
    let (signing_input, signature) = token.rsplit_once('.').ok_or_else(shape)?;
    let (header, claims) = signing_input.split_once('.').ok_or_else(shape)?;
    let bytes = |segment: &str| URL_SAFE_NO_PAD.decode(segment).map_err(|error| malformed(&error));
    let header: Header = json::read(&bytes(header)?).map_err(|error| malformed(&error))?;
    if header.typ != TYP {
        return Err(ReceiptFault::OtherType);
    }
    if header.alg != "ES256" {
        return Err(malformed(&"its `alg` is not ES256"));
    }
    let key = keys.find(&header.kid).ok_or(ReceiptFault::UnknownKey)?;
    let signature: [u8; 64] =
        bytes(signature)?.try_into().map_err(|_| malformed(&"its signature is not 64 bytes"))?;
    if !is_signed_by(&AwsLcVerifier, key, signing_input.as_bytes(), &Signature::new(signature)) {
        return Err(ReceiptFault::SignatureInvalid);
    }
    json::read(&bytes(claims)?).map_err(|error| malformed(&error))
}

impl ReceiptFault {
    /// The stable name in the output of commands.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            ReceiptFault::Malformed(_) => "malformed",
            ReceiptFault::OtherType => "other-type",
            ReceiptFault::UnknownKey => "unknown-key",
            ReceiptFault::SignatureInvalid => "signature-invalid",
            ReceiptFault::OtherLog => "other-log",
            ReceiptFault::OtherAudience => "other-audience",
            ReceiptFault::OtherMethod => "other-method",
            ReceiptFault::OtherTarget => "other-target",
            ReceiptFault::BodyExpected => "body-expected",
            ReceiptFault::BodyNotCovered => "body-not-covered",
            ReceiptFault::OtherBody => "other-body",
            ReceiptFault::FromTheFuture => "from-the-future",
            ReceiptFault::LivesTooLong => "lives-too-long",
            ReceiptFault::Expired => "expired",
        }
    }
}

impl fmt::Display for ReceiptFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReceiptFault::Malformed(why) => return write!(f, "this is not a receipt: {why}"),
            ReceiptFault::OtherType => {
                "this is a token of another kind: its `typ` is not `decision-receipt+jwt`"
            }
            ReceiptFault::UnknownKey => {
                "no key of the set has the receipt's `kid`, or more than one key has it"
            }
            ReceiptFault::SignatureInvalid => "the signature is not valid",
            ReceiptFault::OtherLog => "the receipt is of another log",
            ReceiptFault::OtherAudience => "the receipt is for another host",
            ReceiptFault::OtherMethod => "the receipt is for another method",
            ReceiptFault::OtherTarget => "the receipt is for another target",
            ReceiptFault::BodyExpected => "the receipt covers a body, and no body was given",
            ReceiptFault::BodyNotCovered => "the receipt does not cover a body",
            ReceiptFault::OtherBody => "the receipt is for another body",
            ReceiptFault::FromTheFuture => "the receipt's `iat` is in the future",
            ReceiptFault::LivesTooLong => "the receipt holds for more than 30 seconds",
            ReceiptFault::Expired => "the receipt has expired",
        })
    }
}

impl std::error::Error for ReceiptFault {}
