//! Whom a token names: the issuers that a bundle lists under `subjects`, their keys, and the names that they give.

use std::sync::{Arc, Mutex, PoisonError};

use policy::{ClaimPath, Policy, SubjectIssuer, SubjectNaming, SubjectRole};
use serde_json::Value;
use warrant::{Digest, Seconds, formats};

use super::refusal::{Refusal, RefusalCode};
use crate::authority::tokens::{ForeignToken, IssuerKeys, KeysFault, TokenFault, VerifiedToken};
use crate::fetch::Fetcher;

/// Somebody whom a token names.
#[derive(Clone, Debug)]
pub(super) struct NamedByToken {
    /// In this mesh.
    pub(super) name: String,
    /// The `iss` of the token, or of a JWT-SVID without one its trust domain as a URL.
    pub(super) iss: String,
    pub(super) role: SubjectRole,
    pub(super) token: VerifiedToken,
}

/// All issuers of one bundle.
#[derive(Debug)]
pub(super) struct SubjectTokens(Vec<(SubjectIssuer, IssuerKeys)>);

impl SubjectTokens {
    fn of(policy: &Policy, before: Option<&SubjectTokens>) -> Result<SubjectTokens, KeysFault> {
        let mut all: Vec<(SubjectIssuer, IssuerKeys)> = Vec::new();
        for issuer in policy.subjects() {
            let known = all.iter().chain(before.into_iter().flat_map(|before| &before.0));
            // Only keys of the same issuer are shared.
            let same = known.filter(|(other, _)| other.iss == issuer.iss).map(|(_, keys)| keys);
            let keys = IssuerKeys::of(&issuer.keys, same)?;
            all.push((issuer.clone(), keys));
        }
        Ok(SubjectTokens(all))
    }

    /// The issuer of a token with this `iss`, or of a JWT-SVID without one, for this audience.
    fn issuer_of(&self, token: &ForeignToken<'_>) -> Option<&(SubjectIssuer, IssuerKeys)> {
        self.0.iter().find(|(issuer, _)| {
            let is_from = match (&token.iss, &issuer.iss) {
                (Some(iss), Some(own)) => iss == own,
                (None, _) => is_svid_of(&issuer.naming, &token.sub),
                (Some(_), None) => false,
            };
            is_from && issuer.audience == token.aud
        })
    }

    /// Verifies a token. `refused` is the reason if it does not count.
    pub(super) async fn verify(
        &self,
        text: &str,
        refused: RefusalCode,
        fetcher: &Fetcher,
        now: Seconds,
    ) -> Result<NamedByToken, Refusal> {
        let fault = |fault: TokenFault| Refusal::new(refused, format!("the token {fault}"));
        let token = ForeignToken::parse(text).map_err(fault)?;
        let unknown = || {
            Refusal::new(
                refused,
                "the token is not of an issuer and for an audience that the bundle lists under subjects",
            )
        };
        let (issuer, keys) = self.issuer_of(&token).ok_or_else(unknown)?;
        let key = match keys.find(&token.kid, fetcher).await {
            Ok(Some(key)) => key,
            Ok(None) => return Err(fault(TokenFault::UnknownKey)),
            Err(_) => return Err(RefusalCode::KeysUnavailable.into()),
        };
        let verified = token.verify(&key, now).map_err(fault)?;
        let name = name(&issuer.naming, &verified)
            .ok_or_else(|| Refusal::new(refused, "the claims of the token make no name of this mesh"))?;
        let iss = match (&token.iss, &issuer.naming) {
            (Some(iss), _) => iss.clone(),
            (None, SubjectNaming::TrustDomain(domain)) => format!("spiffe://{domain}"),
            (None, SubjectNaming::Template(_)) => return Err(unknown()),
        };
        Ok(NamedByToken { name, iss, role: issuer.role, token: verified })
    }
}

fn is_svid_of(naming: &SubjectNaming, sub: &str) -> bool {
    match naming {
        SubjectNaming::TrustDomain(_) => {
            sub.starts_with(&naming.prefix()) && formats::is_plain(sub) && formats::is_spiffe_id(sub)
        }
        SubjectNaming::Template(_) => false,
    }
}

fn name(naming: &SubjectNaming, token: &VerifiedToken) -> Option<String> {
    match naming {
        SubjectNaming::TrustDomain(_) => is_svid_of(naming, &token.sub).then(|| token.sub.clone()),
        SubjectNaming::Template(template) => template.fill(|path| claim(token, path)),
    }
}

/// A claim that is a text, at its place.
fn claim(token: &VerifiedToken, path: &ClaimPath) -> Option<String> {
    let (first, rest) = path.names().split_first()?;
    let found = rest.iter().try_fold(token.claim(first)?, |value, name| value.get(name));
    found.and_then(Value::as_str).map(str::to_owned)
}

/// The issuers of the bundle with this digest.
type SubjectsOfBundle = (Digest, Arc<SubjectTokens>);

/// The issuers of the bundle that was asked about last.
#[derive(Debug, Default)]
pub(super) struct CurrentSubjects(Mutex<Option<SubjectsOfBundle>>);

impl CurrentSubjects {
    /// Those of this bundle. Keys that were fetched under the bundle before are kept.
    pub(super) fn of(&self, digest: Digest, policy: &Policy) -> Result<Arc<SubjectTokens>, KeysFault> {
        // Only complete values are stored under this lock.
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, subjects)) = current.as_ref()
            && *known == digest
        {
            return Ok(Arc::clone(subjects));
        }
        let before = current.as_ref().map(|(_, subjects)| &**subjects);
        let made = Arc::new(SubjectTokens::of(policy, before)?);
        *current = Some((digest, Arc::clone(&made)));
        Ok(made)
    }
}
