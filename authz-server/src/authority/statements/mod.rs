//! Signed statements of attestors: about a workload, or about a condition of the mesh or of an environment.
//!
//! A statement is a compact JWS of its own `typ`, for this mesh alone, by a key that the bundle lists or by the key of a
//! certificate that leads to an anchor which the bundle lists. Anybody may bring one, because it says itself who made
//! it. Nothing here knows which statements are on record, or what a route asks of them.

mod certificates;
mod claims;
mod fault;
mod jws;
mod scope;

#[cfg(test)]
pub(super) mod tests;

use policy::Attestor;
use warrant::mint::{Signer, SignerError};
use warrant::verifier::is_signed_by;
use warrant::{AwsLcVerifier, Digest, Seconds, Thumbprint};

use crate::facts::STATEMENT_SECONDS_AT_MOST;

pub use claims::{ConditionClaims, Confirmation, DebugStatus, Status, WorkloadClaims};
pub use fault::{CertificateFault, StatementFault};
pub use scope::ConditionScope;

use claims::StatementClaims;
use jws::{KeyReference, SignedStatement};

/// What a statement is checked against.
#[derive(Clone, Copy, Debug)]
pub struct StatementTerms<'a> {
    /// The attestors of the bundle in force; each has an `iss` of its own.
    pub attestors: &'a [Attestor],
    /// The name of this mesh.
    pub audience: &'a str,
    /// By how many seconds an `iat` may be in the future.
    pub leeway: u64,
    pub now: Seconds,
}

/// A statement whose signature and claims hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedStatement<C> {
    pub claims: C,
    /// The key that signed it.
    pub key: Thumbprint,
    /// For a key that came in a certificate: the anchor that it leads to, and until when it counts.
    pub certificate: Option<AttestorCertificate>,
    /// The SHA-256 of its signing input: the same statement with another valid signature is still the same statement.
    pub digest: Digest,
}

/// The certificate of a key that the bundle does not list itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttestorCertificate {
    /// The SHA-256 of the anchor's DER.
    pub anchor: Digest,
    /// The last second of the leaf's time.
    pub not_after: Seconds,
}

/// Reads a statement about a workload.
pub fn workload(
    token: &str,
    terms: &StatementTerms<'_>,
) -> Result<AcceptedStatement<WorkloadClaims>, StatementFault> {
    accept(token, terms)
}

/// Reads a statement about a condition.
pub fn condition(
    token: &str,
    terms: &StatementTerms<'_>,
) -> Result<AcceptedStatement<ConditionClaims>, StatementFault> {
    accept(token, terms)
}

/// Signs a statement about a workload with a key that the bundle lists under this name.
pub fn sign_workload(claims: &WorkloadClaims, kid: &str, signer: &dyn Signer) -> Result<String, SignerError> {
    jws::sign(claims, kid, signer)
}

/// Signs a statement about a condition in the same way.
pub fn sign_condition(
    claims: &ConditionClaims,
    kid: &str,
    signer: &dyn Signer,
) -> Result<String, SignerError> {
    jws::sign(claims, kid, signer)
}

/// First who made it, then whether he may say it, then whether it is for here and now.
fn accept<C: StatementClaims>(
    token: &str,
    terms: &StatementTerms<'_>,
) -> Result<AcceptedStatement<C>, StatementFault> {
    let (signed, claims) = SignedStatement::read::<C>(token)?;
    let common = claims.common();
    let attestor = terms
        .attestors
        .iter()
        .find(|known| known.iss == common.iss)
        .ok_or(StatementFault::UnknownAttestor)?;
    let (key, certificate) = match &signed.key {
        KeyReference::Listed(kid) => {
            let listed = attestor.keys.iter().find(|(name, _)| name == kid);
            (listed.ok_or(StatementFault::UnknownKey)?.1, None)
        }
        KeyReference::Certificates(chain) => {
            let certified = certificates::leaf_key(chain, attestor, terms.now)?;
            (certified.key, Some(certified.certificate))
        }
    };
    if signed.algorithm != key.alg() {
        return Err(StatementFault::Algorithm);
    }
    if !is_signed_by(&AwsLcVerifier, &key, signed.signing_input.as_bytes(), &signed.signature) {
        return Err(StatementFault::Signature);
    }
    claims.check()?;
    let subject = claims.subject();
    if !attestor.about.iter().any(|pattern| pattern.matches(&subject)) {
        return Err(StatementFault::NotAbout);
    }
    if common.aud != terms.audience {
        return Err(StatementFault::Audience);
    }
    if common.iat > terms.now.plus(terms.leeway).get() {
        return Err(StatementFault::FromTheFuture);
    }
    if common.exp <= common.iat {
        return Err(StatementFault::EndsBeforeItBegins);
    }
    if common.exp.saturating_sub(common.iat) > STATEMENT_SECONDS_AT_MOST {
        return Err(StatementFault::LivesTooLong);
    }
    if common.exp <= terms.now.get() {
        return Err(StatementFault::Expired);
    }
    let digest = Digest::of(signed.signing_input.as_bytes());
    Ok(AcceptedStatement { key: key.thumbprint(), certificate, digest, claims })
}
