//! A bearer token as the name of a caller: in one header, of an issuer that the bundle lists for callers.

use std::fmt;

use hyper::header::{AUTHORIZATION, HeaderMap};
use serde_json::Value;

use super::issuer::TrustedIssuer;
use super::{Caller, CallerGroup, CallerId, ClientCertificate};
use crate::authority::tokens::{Confirmation, TokenFault, VerifiedToken, is_name};

const MOST_GROUPS: usize = 256;

/// Why a bearer token names nobody. It prints as the rest of a sentence about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BearerFault {
    SeveralHeaders,
    NotBearer,
    UnknownIssuer,
    Groups,
    Unbound,
    Token(TokenFault),
}

impl From<TokenFault> for BearerFault {
    fn from(fault: TokenFault) -> BearerFault {
        BearerFault::Token(fault)
    }
}

/// The token in these headers. There is at most one header, and its scheme is `Bearer`.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<&str>, BearerFault> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(BearerFault::SeveralHeaders);
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(BearerFault::NotBearer)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token)) } else { Err(BearerFault::NotBearer) }
}

/// The holder of a token of this issuer.
pub(super) fn holder(
    token: &VerifiedToken,
    issuer: &TrustedIssuer,
    certificate: Option<&ClientCertificate>,
) -> Result<Caller, BearerFault> {
    check_confirmation(token, certificate)?;
    let groups = match &issuer.groups {
        Some(claim) => groups(token.claim(claim), &issuer.iss)?,
        None => Vec::new(),
    };
    let id = CallerId::Person(format!("{}|{}", issuer.iss, token.sub));
    Ok(Caller { id, groups, until: Some(token.exp) })
}

/// Beside a certificate only a token counts that is bound to it, and a bound token counts only beside its certificate.
fn check_confirmation(
    token: &VerifiedToken,
    certificate: Option<&ClientCertificate>,
) -> Result<(), BearerFault> {
    match (token.confirmation()?, certificate) {
        (Confirmation::Unbound, None) => Ok(()),
        (Confirmation::Unbound, Some(_)) => Err(BearerFault::Unbound),
        (Confirmation::Certificate(bound), Some(own)) if own.digest == bound => Ok(()),
        (Confirmation::Certificate(_) | Confirmation::Key(_), _) => Err(TokenFault::OtherConfirmation.into()),
    }
}

/// The claim is one group or a list of groups. One that is too long or of another form refuses the token: a policy that
/// forbids something to a group must not miss it.
fn groups(claim: Option<&Value>, iss: &str) -> Result<Vec<CallerGroup>, BearerFault> {
    let listed = match claim {
        None => &[][..],
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        Some(Value::Array(several)) if several.len() <= MOST_GROUPS => several,
        Some(_) => return Err(BearerFault::Groups),
    };
    let group = |value: &Value| {
        let value = value.as_str().filter(|text| is_name(text))?.to_owned();
        Some(CallerGroup { iss: iss.to_owned(), value })
    };
    listed.iter().map(group).collect::<Option<_>>().ok_or(BearerFault::Groups)
}

impl fmt::Display for BearerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BearerFault::SeveralHeaders => "is not the only one: send one header `Authorization`",
            BearerFault::NotBearer => "is missing: the header `Authorization` is not of the form `Bearer <token>`",
            BearerFault::UnknownIssuer => "is not of an issuer and for an audience that the bundle lists under `callers`",
            BearerFault::Groups => "has a claim of groups that is not a list of at most 256 texts of at most 256 bytes",
            BearerFault::Unbound => "came with a client certificate: send one of them, or a token that is bound to the certificate",
            BearerFault::Token(fault) => return fault.fmt(f),
        })
    }
}
