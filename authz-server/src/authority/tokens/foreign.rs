//! A JWT that an issuer signed for exactly one audience.
//!
//! `jsonwebtoken` checks the signature, issuer and audience. It accepts more than we do (several audiences, any `crit` and
//! `typ`, a token in its last second by its own clock), so the header and the claims are read here first, by our own
//! strict reader.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::Value;
use warrant::{Digest, Seconds, Thumbprint};

use super::VerifyingKey;
use crate::authority::json::Members;

const MAX_TOKEN_BYTES: usize = 8 * 1024;
const LONGEST_NAME: usize = 256;

/// What is wrong with a token. It prints as the rest of a sentence about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    TooLong,
    Form,
    Type,
    Critical,
    Algorithm,
    Kid,
    Claims(&'static str),
    SeveralAudiences,
    UnknownKey,
    Signature,
    Expired,
    NotYetValid,
    OtherConfirmation,
}

/// A token whose form is good. Nothing in it is verified yet.
#[derive(Clone, Debug)]
pub struct ForeignToken<'a> {
    text: &'a str,
    pub kid: String,
    algorithm: Algorithm,
    /// A JWT-SVID may have none.
    pub iss: Option<String>,
    pub aud: String,
    /// What it says of its subject, so that its issuer can be found.
    pub sub: String,
}

/// A token that its issuer signed, and that holds now.
#[derive(Clone, Debug)]
pub struct VerifiedToken {
    claims: Members,
    pub sub: String,
    pub exp: Seconds,
    /// The SHA-256 of its signing input: the signature of some algorithms can be changed by anybody.
    pub digest: Digest,
}

/// To what a token is bound (RFC 7800): it counts only with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    Unbound,
    /// The certificate with this digest (RFC 8705).
    Certificate(Digest),
    /// The key with this thumbprint (RFC 9449).
    Key(Thumbprint),
}

impl<'a> ForeignToken<'a> {
    pub fn parse(text: &'a str) -> Result<Self, TokenFault> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::TooLong);
        }
        let mut segments = text.split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(TokenFault::Form);
        };
        let (kid, algorithm) = read_header(&members(header)?)?;
        let claims = members(payload)?;
        let iss = match claims.get("iss") {
            None => None,
            Some(iss) => Some(iss.as_str().ok_or(TokenFault::Claims("iss"))?.to_owned()),
        };
        let aud = one_audience(&claims)?.to_owned();
        let sub = claims.text("sub").filter(|sub| is_name(sub)).ok_or(TokenFault::Claims("sub"))?.to_owned();
        Ok(ForeignToken { text, kid, algorithm, iss, aud, sub })
    }

    /// What the token says, if this key of its issuer signed it for this audience and it holds now.
    pub fn verify(&self, key: &VerifyingKey, now: Seconds) -> Result<VerifiedToken, TokenFault> {
        if self.algorithm != key.algorithm {
            return Err(TokenFault::Algorithm);
        }
        let validation = validation(key.algorithm, self.iss.as_deref(), &self.aud);
        let decoded = jsonwebtoken::decode::<Members>(self.text, &key.key, &validation);
        let claims = decoded.map_err(|error| fault_of(error.kind()))?.claims;
        let number = |name: &'static str| match claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Seconds::new).map(Some).ok_or(TokenFault::Claims(name)),
        };
        let exp = number("exp")?.ok_or(TokenFault::Claims("exp"))?;
        if exp <= now {
            return Err(TokenFault::Expired);
        }
        if number("nbf")?.is_some_and(|nbf| nbf > now) {
            return Err(TokenFault::NotYetValid);
        }
        let signing_input = self.text.rsplit_once('.').map_or(self.text, |(input, _)| input);
        Ok(VerifiedToken { claims, sub: self.sub.clone(), exp, digest: Digest::of(signing_input.as_bytes()) })
    }
}

impl VerifiedToken {
    /// A claim; `null` counts as absent.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    pub fn confirmation(&self) -> Result<Confirmation, TokenFault> {
        let Some(cnf) = self.claim("cnf") else { return Ok(Confirmation::Unbound) };
        let only = cnf.as_object().filter(|cnf| cnf.len() == 1).and_then(|cnf| cnf.iter().next());
        let found = only.and_then(|(name, value)| {
            let value = value.as_str()?;
            match name.as_str() {
                "x5t#S256" => Digest::parse_base64url(value).map(Confirmation::Certificate),
                "jkt" => Thumbprint::parse(value).map(Confirmation::Key),
                _ => None,
            }
        });
        found.ok_or(TokenFault::OtherConfirmation)
    }
}

/// A name that a policy can contain.
pub(in crate::authority) fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Every field is set, so that a default that changes cannot weaken it. The library reads a clock of its own, so it
/// does not check times; the caller does that with the one clock value of this call.
fn validation(algorithm: Algorithm, iss: Option<&str>, audience: &str) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(if iss.is_some() { &["exp", "aud", "iss"] } else { &["exp", "aud"] });
    validation.leeway = 0;
    validation.reject_tokens_expiring_in_less_than = 0;
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = true;
    validation.set_audience(&[audience]);
    if let Some(iss) = iss {
        validation.set_issuer(&[iss]);
    }
    validation.sub = None;
    validation.algorithms = vec![algorithm];
    validation
}

/// Issuer and audience were read before, so only the end can be missing. A caller learns no more about a signature.
fn fault_of(kind: &ErrorKind) -> TokenFault {
    if matches!(kind, ErrorKind::MissingRequiredClaim(_)) {
        TokenFault::Claims("exp")
    } else {
        TokenFault::Signature
    }
}

fn members(segment: &str) -> Result<Members, TokenFault> {
    let bytes = URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenFault::Form)?;
    Members::read(&bytes).map_err(|_| TokenFault::Form)
}

/// A token of another kind does not count, even if the same key signed it: not a warrant, not a proof, not a receipt, not a
/// logout token. So `typ` is from a closed list. JWT-SVIDs may say `JOSE`.
fn read_header(header: &Members) -> Result<(String, Algorithm), TokenFault> {
    let typ = match header.get("typ") {
        None => "jwt".to_owned(),
        Some(typ) => typ.as_str().ok_or(TokenFault::Type)?.to_ascii_lowercase(),
    };
    if !matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt" | "jose") {
        return Err(TokenFault::Type);
    }
    if header.get("crit").is_some() {
        return Err(TokenFault::Critical);
    }
    let algorithm = match header.text("alg") {
        Some("RS256") => Algorithm::RS256,
        Some("PS256") => Algorithm::PS256,
        Some("ES256") => Algorithm::ES256,
        Some("ES384") => Algorithm::ES384,
        Some("EdDSA") => Algorithm::EdDSA,
        Some(_) | None => return Err(TokenFault::Algorithm),
    };
    Ok((header.text("kid").ok_or(TokenFault::Kid)?.to_owned(), algorithm))
}

/// A token for two audiences could be used here by the other one.
fn one_audience(claims: &Members) -> Result<&str, TokenFault> {
    match claims.get("aud") {
        Some(Value::String(aud)) => Ok(aud),
        Some(Value::Array(several)) => match several.as_slice() {
            [Value::String(aud)] => Ok(aud),
            [] => Err(TokenFault::Claims("aud")),
            _ => Err(TokenFault::SeveralAudiences),
        },
        Some(_) | None => Err(TokenFault::Claims("aud")),
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TokenFault::TooLong => "has more than 8 KiB",
            TokenFault::Form => "is not a compact JWS with a JSON header and JSON claims, each name once",
            TokenFault::Type => "is of another kind: its `typ` may be `JWT`, `at+jwt` or `JOSE`",
            TokenFault::Critical => "has the header member `crit`, which is not supported",
            TokenFault::Algorithm => "is not signed with the algorithm of its key",
            TokenFault::Kid => "has no `kid`",
            TokenFault::Claims(name) => return write!(f, "has no valid claim `{name}`"),
            TokenFault::SeveralAudiences => "has more than one audience",
            TokenFault::UnknownKey => "names a `kid` that its issuer does not publish",
            TokenFault::Signature => "has no valid signature of its issuer",
            TokenFault::Expired => "has expired",
            TokenFault::NotYetValid => "is not valid yet",
            TokenFault::OtherConfirmation => "is bound (`cnf`) to something else than what this call shows",
        })
    }
}
