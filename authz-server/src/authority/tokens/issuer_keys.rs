//! The keys of an issuer, as a bundle lists them: a set, or the URL of one.

use std::fmt;
use std::sync::Arc;

use policy::CallerKeys;

use super::key_set::{KeySet, KeySetFault, VerifyingKey};
use super::remote_keys::{KeysUnavailable, RemoteKeys};
use crate::fetch::Fetcher;

#[derive(Clone, Debug)]
pub enum IssuerKeys {
    Listed(KeySet),
    Remote(Arc<RemoteKeys>),
}

/// Why the keys of an issuer cannot be used. It prints as the rest of a sentence about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysFault {
    /// They are not at an https URL.
    NotHttps { url: String },
    /// The JWK set in the bundle cannot be used.
    Set(KeySetFault),
}

impl IssuerKeys {
    /// The keys that a bundle lists. `known` are those of other issuers, and of the bundle before: what was fetched from the
    /// same URL is kept.
    pub fn of<'a>(
        listed: &CallerKeys,
        known: impl IntoIterator<Item = &'a IssuerKeys>,
    ) -> Result<IssuerKeys, KeysFault> {
        match listed {
            CallerKeys::Jwks(json) => {
                KeySet::read(json.as_bytes()).map(IssuerKeys::Listed).map_err(KeysFault::Set)
            }
            CallerKeys::JwksUri(url) if !url.starts_with("https://") => {
                Err(KeysFault::NotHttps { url: url.clone() })
            }
            CallerKeys::JwksUri(url) => {
                let kept = known.into_iter().find_map(|keys| keys.remote_at(url));
                Ok(IssuerKeys::Remote(kept.unwrap_or_else(|| Arc::new(RemoteKeys::at(url.clone())))))
            }
        }
    }

    /// The key of this name, or `None` if the issuer has no such key.
    pub async fn find(&self, kid: &str, fetcher: &Fetcher) -> Result<Option<VerifyingKey>, KeysUnavailable> {
        match self {
            IssuerKeys::Listed(keys) => Ok(keys.find(kid).cloned()),
            IssuerKeys::Remote(keys) => keys.find(kid, fetcher).await,
        }
    }

    fn remote_at(&self, url: &str) -> Option<Arc<RemoteKeys>> {
        match self {
            IssuerKeys::Remote(keys) => (keys.url() == url).then(|| Arc::clone(keys)),
            IssuerKeys::Listed(_) => None,
        }
    }
}

impl fmt::Display for KeysFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeysFault::NotHttps { url } => write!(f, "are at {url:?}: write an https:// URL"),
            KeysFault::Set(fault) => write!(f, "cannot be used: {fault}"),
        }
    }
}

impl std::error::Error for KeysFault {}
