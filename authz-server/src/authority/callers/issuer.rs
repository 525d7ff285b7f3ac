//! The issuers of bearer tokens: as a bundle lists them, and checked.

use std::fmt;

use policy::CallerIssuer;

use crate::authority::tokens::{IssuerKeys, KeysFault};

/// Why callers cannot be recognised by such an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerFault {
    /// A `|` separates the issuer from the rest of a caller's name, so an issuer cannot have one.
    Separator { iss: String },
    /// Two entries have the same issuer and audience.
    Twice { iss: String, audience: String },
    /// Its keys cannot be used.
    Keys { iss: String, fault: KeysFault },
}

/// An issuer whose tokens are accepted.
#[derive(Debug)]
pub(super) struct TrustedIssuer {
    pub(super) iss: String,
    pub(super) audience: String,
    pub(super) keys: IssuerKeys,
    pub(super) groups: Option<String>,
}

/// Checks the issuers. Keys that were fetched for `known` issuers from the same URL stay.
pub(super) fn all(
    issuers: Vec<CallerIssuer>,
    known: &[TrustedIssuer],
) -> Result<Vec<TrustedIssuer>, IssuerFault> {
    let mut trusted: Vec<TrustedIssuer> = Vec::with_capacity(issuers.len());
    for issuer in issuers {
        let CallerIssuer { iss, audience, keys, groups } = issuer;
        if iss.contains('|') {
            return Err(IssuerFault::Separator { iss });
        }
        if trusted.iter().any(|other| other.iss == iss && other.audience == audience) {
            return Err(IssuerFault::Twice { iss, audience });
        }
        // Only keys of the same issuer are shared.
        let same = trusted.iter().chain(known).filter(|other| other.iss == iss).map(|other| &other.keys);
        match IssuerKeys::of(&keys, same) {
            Ok(keys) => trusted.push(TrustedIssuer { iss, audience, keys, groups }),
            Err(fault) => return Err(IssuerFault::Keys { iss, fault }),
        }
    }
    Ok(trusted)
}

impl fmt::Display for IssuerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IssuerFault::Separator { iss } => {
                write!(f, "the issuer {iss:?} of callers has a `|`: name it without one")
            }
            IssuerFault::Twice { iss, audience } => {
                write!(f, "two entries of callers have the issuer {iss:?} and the audience {audience:?}")
            }
            IssuerFault::Keys { iss, fault } => write!(f, "the keys of the issuer {iss:?} {fault}"),
        }
    }
}

impl std::error::Error for IssuerFault {}
