//! The issuers of bearer tokens: as a bundle lists them, and checked.

use std::fmt;
use std::sync::Arc;

use policy::{CallerIssuer, CallerKeys};

use super::key_set::{KeySet, KeySetFault, VerifyingKey};
use super::remote_keys::{KeysUnavailable, RemoteKeys};
use crate::fetch::Fetcher;

/// Why callers cannot be recognised by such an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerFault {
    /// A `|` separates the issuer from the rest of a caller's name, so an issuer cannot have one.
    Separator { iss: String },
    /// Two entries have the same issuer and audience.
    Twice { iss: String, audience: String },
    /// The keys are not at an https URL.
    NotHttps { iss: String, url: String },
    /// The JWK set in the bundle cannot be used.
    Keys { iss: String, fault: KeySetFault },
}

/// An issuer whose tokens are accepted.
#[derive(Debug)]
pub(super) struct TrustedIssuer {
    pub(super) iss: String,
    pub(super) audience: String,
    pub(super) keys: IssuerKeys,
    pub(super) groups: Option<String>,
}

#[derive(Debug)]
pub(super) enum IssuerKeys {
    Listed(KeySet),
    Remote(Arc<RemoteKeys>),
}

impl IssuerKeys {
    /// The key of this name, or `None` if the issuer has no such key.
    pub(super) async fn find(
        &self,
        kid: &str,
        fetcher: &Fetcher,
    ) -> Result<Option<VerifyingKey>, KeysUnavailable> {
        match self {
            IssuerKeys::Listed(keys) => Ok(keys.find(kid).cloned()),
            IssuerKeys::Remote(keys) => keys.find(kid, fetcher).await,
        }
    }
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
        let keys = match keys {
            CallerKeys::Jwks(json) => match KeySet::read(json.as_bytes()) {
                Ok(keys) => IssuerKeys::Listed(keys),
                Err(fault) => return Err(IssuerFault::Keys { iss, fault }),
            },
            CallerKeys::JwksUri(url) if !url.starts_with("https://") => {
                return Err(IssuerFault::NotHttps { iss, url });
            }
            CallerKeys::JwksUri(url) => {
                let same = |other: &TrustedIssuer| other.remote_at(&iss, &url);
                let kept = trusted.iter().chain(known).find_map(same);
                IssuerKeys::Remote(kept.unwrap_or_else(|| Arc::new(RemoteKeys::at(url))))
            }
        };
        trusted.push(TrustedIssuer { iss, audience, keys, groups });
    }
    Ok(trusted)
}

impl TrustedIssuer {
    fn remote_at(&self, iss: &str, url: &str) -> Option<Arc<RemoteKeys>> {
        match &self.keys {
            IssuerKeys::Remote(keys) if self.iss == iss && keys.url() == url => Some(keys.clone()),
            IssuerKeys::Remote(_) | IssuerKeys::Listed(_) => None,
        }
    }
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
            IssuerFault::NotHttps { iss, url } => {
                write!(f, "the keys of the issuer {iss:?} are at {url:?}: write an https:// URL")
            }
            IssuerFault::Keys { iss, fault } => write!(f, "the keys of the issuer {iss:?}: {fault}"),
        }
    }
}

impl std::error::Error for IssuerFault {}
