//! Who calls the API: a Unix socket, a client certificate, or a bearer token of an issuer that the bundle lists.
//!
//! A call has exactly one caller. A certificate and a bearer token together are refused, because either could be used
//! without its owner's knowledge. One exception: a token that is bound to the certificate of this very connection (RFC 8705,
//! `cnf` with `x5t#S256`); then the caller is the token's. Every other `cnf` is refused: a proof by a key (`jkt`) is
//! not supported. What a caller may do is not decided here.

mod connection;
mod issuer;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;

use hyper::header::HeaderMap;
use warrant::Seconds;

pub use connection::{ClientCertificate, Connection};
pub use issuer::IssuerFault;
use policy::CallerIssuer;

use super::problem::{ApiError, ApiErrorCode};
use super::tokens::{ForeignToken, TokenFault};
use crate::fetch::Fetcher;
use issuer::TrustedIssuer;
use token::BearerFault;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub id: CallerId,
    /// The groups that the token's issuer gives this caller.
    pub groups: Vec<CallerGroup>,
    /// The earliest end of what shows who calls; `None` for a Unix socket.
    pub until: Option<Seconds>,
}

/// The identity of a caller. It prints as the `by` of an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallerId {
    /// A workload: its SPIFFE ID.
    Agent(String),
    /// A person or service: `<iss>|<sub>` of a token, or `local`.
    Person(String),
}

/// A group of a token's issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerGroup {
    pub iss: String,
    pub value: String,
}

impl CallerId {
    /// The caller on the API's Unix socket.
    #[must_use]
    pub fn local() -> CallerId {
        CallerId::Person("local".to_owned())
    }
}

impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallerId::Agent(id) | CallerId::Person(id) => f.write_str(id),
        }
    }
}

/// Its name in a policy, which no issuer can give to a group of another issuer: no `iss` has a `|`.
impl fmt::Display for CallerGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.iss, self.value)
    }
}

/// Everything by which callers are recognised under one bundle.
#[derive(Debug)]
pub struct Callers {
    issuers: Vec<TrustedIssuer>,
    fetcher: Fetcher,
}

impl Callers {
    /// The callers that these issuers vouch for. `before` are those of the bundle before, if there was one: the
    /// fetched keys are kept, so a new bundle does not fetch them again.
    pub fn new(
        issuers: Vec<CallerIssuer>,
        fetcher: Fetcher,
        before: Option<&Callers>,
    ) -> Result<Callers, IssuerFault> {
        let known = before.map_or(&[][..], |before| &before.issuers);
        Ok(Callers { issuers: issuer::all(issuers, known)?, fetcher })
    }

    /// The one caller of a call that came on this connection with these headers.
    ///
    /// # Errors
    /// `not-authenticated`, or `unavailable` when the keys of the token's issuer cannot be had.
    pub async fn authenticate(
        &self,
        connection: &Connection,
        headers: &HeaderMap,
        now: Seconds,
    ) -> Result<Caller, ApiError> {
        let token = match token::of(headers) {
            Ok(token) => token,
            Err(fault) => return Err(refused(&fault)),
        };
        match (connection, token) {
            (Connection::Local, None) => {
                Ok(Caller { id: CallerId::local(), groups: Vec::new(), until: None })
            }
            (Connection::Local, Some(_)) => Err(not_authenticated(
                "a call on the Unix socket has the caller `local`: leave the header `Authorization` out",
            )),
            (Connection::Certificate(certificate), None) => workload(certificate, now),
            (Connection::Certificate(certificate), Some(token)) => {
                let caller = self.holder(token, Some(certificate), now).await?;
                Ok(Caller { until: caller.until.min(Some(certificate.not_after)), ..caller })
            }
            (Connection::Anonymous, Some(token)) => self.holder(token, None, now).await,
            (Connection::Anonymous, None) => {
                Err(not_authenticated("the call has neither a client certificate nor a bearer token"))
            }
        }
    }

    /// The holder of a token.
    async fn holder(
        &self,
        token: &str,
        certificate: Option<&ClientCertificate>,
        now: Seconds,
    ) -> Result<Caller, ApiError> {
        let refused_token = |fault: TokenFault| refused(&fault.into());
        let token = ForeignToken::parse(token).map_err(refused_token)?;
        let iss = token.iss.as_deref().ok_or_else(|| refused_token(TokenFault::Claims("iss")))?;
        let is_for = |issuer: &&TrustedIssuer| issuer.iss == iss && issuer.audience == token.aud;
        let issuer = self.issuers.iter().find(is_for).ok_or_else(|| refused(&BearerFault::UnknownIssuer))?;
        let key = match issuer.keys.find(&token.kid, &self.fetcher).await {
            Ok(Some(key)) => key,
            Ok(None) => return Err(refused_token(TokenFault::UnknownKey)),
            Err(error) => return Err(ApiError::new(ApiErrorCode::Unavailable, error)),
        };
        let token = token.verify(&key, now).map_err(refused_token)?;
        token::holder(&token, issuer, certificate).map_err(|fault| refused(&fault))
    }
}

fn workload(certificate: &ClientCertificate, now: Seconds) -> Result<Caller, ApiError> {
    if certificate.not_after < now {
        return Err(not_authenticated("the client certificate has expired"));
    }
    let Some(id) = &certificate.spiffe_id else {
        return Err(not_authenticated("the client certificate does not have exactly one SPIFFE ID"));
    };
    Ok(Caller { id: CallerId::Agent(id.clone()), groups: Vec::new(), until: Some(certificate.not_after) })
}

fn refused(fault: &BearerFault) -> ApiError {
    not_authenticated(&format!("the bearer token {fault}"))
}

fn not_authenticated(detail: &str) -> ApiError {
    ApiError::new(ApiErrorCode::NotAuthenticated, detail)
}
