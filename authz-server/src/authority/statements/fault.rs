//! Why a statement is refused.

use std::fmt;

use crate::authority::problem::{ApiError, ApiErrorCode};

/// Why a statement is refused. It prints as one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementFault {
    TooLong,
    /// It is not a compact JWS of the required form; the text says what is wrong.
    Form(String),
    /// Its `typ` is not this one.
    Type(&'static str),
    Algorithm,
    UnknownAttestor,
    UnknownKey,
    Certificate(CertificateFault),
    Signature,
    NotAbout,
    Audience,
    FromTheFuture,
    EndsBeforeItBegins,
    /// It would be valid for longer than a statement may be.
    LivesTooLong,
    Expired,
    /// This claim has a value that it may not have.
    Claim(&'static str),
}

/// Why a certificate does not speak for an attestor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// One of the certificates cannot be read.
    Unreadable,
    /// No anchor of the attestor is at the end of a valid path through exactly these certificates.
    NoPath,
    /// The leaf's URI names are not exactly the attestor's `iss`.
    Name,
    /// The leaf may not sign anything but certificates.
    Usage,
    /// The leaf's key is not for ES256 or Ed25519.
    Key,
}

impl From<CertificateFault> for StatementFault {
    fn from(fault: CertificateFault) -> StatementFault {
        StatementFault::Certificate(fault)
    }
}

/// An attestor that may not say this is not permitted; everything else is a fault of the statement.
impl From<StatementFault> for ApiError {
    fn from(fault: StatementFault) -> ApiError {
        let code = match fault {
            StatementFault::UnknownAttestor | StatementFault::NotAbout => ApiErrorCode::NotPermitted,
            StatementFault::TooLong => ApiErrorCode::TooLarge,
            StatementFault::Form(_)
            | StatementFault::Type(_)
            | StatementFault::Algorithm
            | StatementFault::UnknownKey
            | StatementFault::Certificate(_)
            | StatementFault::Signature
            | StatementFault::Audience
            | StatementFault::FromTheFuture
            | StatementFault::EndsBeforeItBegins
            | StatementFault::LivesTooLong
            | StatementFault::Expired
            | StatementFault::Claim(_) => ApiErrorCode::Malformed,
        };
        ApiError::new(code, fault)
    }
}

impl fmt::Display for StatementFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatementFault::TooLong => f.write_str("the statement has more than 32 KiB"),
            StatementFault::Form(why) => write!(f, "the statement is not a compact JWS of its form: {why}"),
            StatementFault::Type(typ) => write!(f, "the statement's `typ` is not `{typ}`"),
            StatementFault::Algorithm => {
                f.write_str("the statement is not signed with the algorithm of its key, ES256 or Ed25519")
            }
            StatementFault::UnknownAttestor => {
                f.write_str("no attestor in the bundle has the statement's `iss`")
            }
            StatementFault::UnknownKey => {
                f.write_str("the attestor has no key of the statement's `kid` in the bundle")
            }
            StatementFault::Certificate(fault) => fault.fmt(f),
            StatementFault::Signature => f.write_str("the statement's signature is not valid"),
            StatementFault::NotAbout => {
                f.write_str("the attestor's `about` in the bundle does not cover what the statement is about")
            }
            StatementFault::Audience => f.write_str("the statement's `aud` is not the name of this mesh"),
            StatementFault::FromTheFuture => f.write_str("the statement's `iat` is in the future"),
            StatementFault::EndsBeforeItBegins => f.write_str("the statement's `exp` is not after its `iat`"),
            StatementFault::LivesTooLong => {
                f.write_str("the statement's `exp` is more than a day after its `iat`")
            }
            StatementFault::Expired => f.write_str("the statement has expired"),
            StatementFault::Claim(name) => {
                write!(f, "the statement's `{name}` has a value that is not allowed")
            }
        }
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CertificateFault::Unreadable => "a certificate in the statement's `x5c` cannot be read",
            CertificateFault::NoPath => {
                "the statement's `x5c` does not lead from its first certificate, in order, to an anchor of the attestor"
            }
            CertificateFault::Name => {
                "the first certificate in the statement's `x5c` does not have the statement's `iss` as its only URI name"
            }
            CertificateFault::Usage => {
                "the first certificate in the statement's `x5c` has a key usage without digital signatures"
            }
            CertificateFault::Key => {
                "the key of the first certificate in the statement's `x5c` is not for ES256 or Ed25519"
            }
        })
    }
}

impl std::error::Error for StatementFault {}
impl std::error::Error for CertificateFault {}
