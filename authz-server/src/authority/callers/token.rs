//! A bearer token: a JWT that an issuer signed for exactly one audience.
//!
//! `jsonwebtoken` checks the signature, issuer and audience. It accepts more than we do (several audiences, any `crit` and
//! `typ`, a token in its last second by its own clock), so the header and the claims are read here first, by our own
//! strict reader.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::{AUTHORIZATION, HeaderMap};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::Value;
use warrant::{Digest, Seconds};

use super::issuer::TrustedIssuer;
use super::{Caller, CallerGroup, CallerId, ClientCertificate, VerifyingKey};
use crate::authority::json::Members;

const MAX_TOKEN_BYTES: usize = 8 * 1024;
const LONGEST_NAME: usize = 256;
const MOST_GROUPS: usize = 256;

/// What is wrong with a bearer token. It prints as the rest of a sentence about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenFault {
    SeveralHeaders,
    NotBearer,
    TooLong,
    Form,
    Type,
    Critical,
    Algorithm,
    Kid,
    Claims(&'static str),
    SeveralAudiences,
    UnknownIssuer,
    UnknownKey,
    Signature,
    Expired,
    NotYetValid,
    Groups,
    Unbound,
    OtherConfirmation,
}

/// The token in these headers. There is at most one header, and its scheme is `Bearer`.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<&str>, TokenFault> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TokenFault::SeveralHeaders);
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(TokenFault::NotBearer)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token)) } else { Err(TokenFault::NotBearer) }
}

/// A token whose form is good. Nothing in it is verified yet.
#[derive(Clone, Debug)]
pub(super) struct BearerToken<'a> {
    text: &'a str,
    pub(super) kid: String,
    algorithm: Algorithm,
    pub(super) iss: String,
    pub(super) aud: String,
}

impl<'a> BearerToken<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, TokenFault> {
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
        let iss = claims.text("iss").ok_or(TokenFault::Claims("iss"))?.to_owned();
        let aud = one_audience(&claims)?.to_owned();
        Ok(BearerToken { text, kid, algorithm, iss, aud })
    }

    /// The holder of this token, if the issuer signed it and it holds now.
    pub(super) fn verify(
        &self,
        key: &VerifyingKey,
        issuer: &TrustedIssuer,
        certificate: Option<&ClientCertificate>,
        now: Seconds,
    ) -> Result<Caller, TokenFault> {
        if self.algorithm != key.algorithm {
            return Err(TokenFault::Algorithm);
        }
        let decoded =
            jsonwebtoken::decode::<Members>(self.text, &key.key, &validation(key.algorithm, issuer));
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
        check_confirmation(&claims, certificate)?;
        let is_name = |text: &&str| is_name(text);
        let sub = claims.text("sub").filter(is_name).ok_or(TokenFault::Claims("sub"))?;
        let groups = match &issuer.groups {
            Some(claim) => groups(&claims, claim, &issuer.iss)?,
            None => Vec::new(),
        };
        let id = CallerId::Person(format!("{}|{sub}", issuer.iss));
        Ok(Caller { id, groups, until: Some(exp) })
    }
}

/// Every field is set, so that a default that changes cannot weaken it. The library reads a clock of its own, so it
/// does not check times; the caller does that with the one clock value of this call.
fn validation(algorithm: Algorithm, issuer: &TrustedIssuer) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    validation.leeway = 0;
    validation.reject_tokens_expiring_in_less_than = 0;
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = true;
    validation.set_audience(&[&issuer.audience]);
    validation.set_issuer(&[&issuer.iss]);
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

/// A token of another kind is not a caller's, even if the same key signed it: not a warrant, not a proof, not a receipt,
/// not a logout token. So `typ` is from a closed list.
fn read_header(header: &Members) -> Result<(String, Algorithm), TokenFault> {
    let typ = match header.get("typ") {
        None => "jwt".to_owned(),
        Some(typ) => typ.as_str().ok_or(TokenFault::Type)?.to_ascii_lowercase(),
    };
    if !matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt") {
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

/// Beside a certificate only a token counts that is bound to it, and a bound token counts only beside its certificate.
fn check_confirmation(claims: &Members, certificate: Option<&ClientCertificate>) -> Result<(), TokenFault> {
    let Some(cnf) = claims.get("cnf") else {
        return if certificate.is_none() { Ok(()) } else { Err(TokenFault::Unbound) };
    };
    let members = cnf.as_object().filter(|cnf| cnf.len() == 1);
    let bound = members.and_then(|cnf| cnf.get("x5t#S256")).and_then(Value::as_str);
    let bound = bound.and_then(Digest::parse_base64url);
    let is_this = bound.is_some_and(|bound| certificate.is_some_and(|own| own.digest == bound));
    if is_this { Ok(()) } else { Err(TokenFault::OtherConfirmation) }
}

/// The claim is one group or a list of groups. One that is too long or of another form refuses the token: a policy that
/// forbids something to a group must not miss it.
fn groups(claims: &Members, claim: &str, iss: &str) -> Result<Vec<CallerGroup>, TokenFault> {
    let listed = match claims.get(claim) {
        None => &[][..],
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        Some(Value::Array(several)) if several.len() <= MOST_GROUPS => several,
        Some(_) => return Err(TokenFault::Groups),
    };
    let group = |value: &Value| {
        let value = value.as_str().filter(|text| is_name(text))?.to_owned();
        Some(CallerGroup { iss: iss.to_owned(), value })
    };
    listed.iter().map(group).collect::<Option<_>>().ok_or(TokenFault::Groups)
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && !text.chars().any(char::is_control)
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TokenFault::SeveralHeaders => "is not the only one: send one header `Authorization`",
            TokenFault::NotBearer => "is missing: the header `Authorization` is not of the form `Bearer <token>`",
            TokenFault::TooLong => "has more than 8 KiB",
            TokenFault::Form => "is not a compact JWS with a JSON header and JSON claims, each name once",
            TokenFault::Type => "is of another kind: its `typ` may be `JWT` or `at+jwt`",
            TokenFault::Critical => "has the header member `crit`, which is not supported",
            TokenFault::Algorithm => "is not signed with the algorithm of its key",
            TokenFault::Kid => "has no `kid`",
            TokenFault::Claims(name) => return write!(f, "has no valid claim `{name}`"),
            TokenFault::SeveralAudiences => "has more than one audience",
            TokenFault::UnknownIssuer => "is not of an issuer and for an audience that the bundle lists under `callers`",
            TokenFault::UnknownKey => "names a `kid` that its issuer does not publish",
            TokenFault::Signature => "has no valid signature of its issuer",
            TokenFault::Expired => "has expired",
            TokenFault::NotYetValid => "is not valid yet",
            TokenFault::Groups => "has a claim of groups that is not a list of at most 256 texts of at most 256 bytes",
            TokenFault::Unbound => "came with a client certificate: send one of them, or a token that is bound to the certificate",
            TokenFault::OtherConfirmation => "is bound (`cnf`) to something else than the certificate of this connection",
        })
    }
}
