//! `POST /v1/attestations` and `POST /v1/conditions`: bring a signed statement. No permission is asked: the statement says
//! itself who made it.

use ledger::entry::{AttestationStatement, ConditionStatement, FactScope, Signer};
use serde::Deserialize;
use utoipa::ToSchema;
use warrant::Digest;

use super::read;
use crate::authority::problem::ApiError;
use crate::authority::statements::{
    self, AcceptedStatement, ConditionClaims, ConditionScope, StatementFault, StatementTerms, Status,
    WorkloadClaims,
};

/// A signed statement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementCall {
    /// The compact JWS.
    #[schema(value_type = crate::schema::Statement)]
    statement: String,
}

/// The entry that a statement about a workload asks for. `bundle` is the one whose attestors `terms` holds.
pub fn attestation(
    body: &[u8],
    terms: &StatementTerms<'_>,
    bundle: Digest,
) -> Result<AttestationStatement, ApiError> {
    let StatementCall { statement } = read(body)?;
    let accepted = statements::workload(&statement, terms)?;
    let signer = signer(&accepted);
    let AcceptedStatement { claims, digest, .. } = accepted;
    let WorkloadClaims { iss, sub, iat, exp, aud: _, cnf, measurement, dbgstat, status } = claims;
    Ok(AttestationStatement {
        bundle: Some(bundle),
        debug: dbgstat.map(|debug| debug.is_enabled()),
        exp,
        iat,
        iss,
        key: cnf.map(|cnf| cnf.jkt),
        measurement,
        positive: status == Status::Positive,
        signer,
        statement: digest,
        subject: sub,
        was: None,
    })
}

/// The entry that a statement about a condition asks for.
pub fn condition(
    body: &[u8],
    terms: &StatementTerms<'_>,
    bundle: Digest,
) -> Result<ConditionStatement, ApiError> {
    let StatementCall { statement } = read(body)?;
    let accepted = statements::condition(&statement, terms)?;
    let signer = signer(&accepted);
    // An accepted statement has a scope.
    let scope = accepted.claims.condition_scope().ok_or(StatementFault::Claim("scope"))?;
    let (scope, subject) = match scope {
        ConditionScope::Mesh => (FactScope::Mesh, String::new()),
        environment @ ConditionScope::Environment { .. } => (FactScope::Environment, environment.to_string()),
    };
    let AcceptedStatement { claims, digest, .. } = accepted;
    let ConditionClaims { iss, iat, exp, aud: _, name, value, scope: _ } = claims;
    Ok(ConditionStatement {
        bundle: Some(bundle),
        exp,
        iat,
        iss,
        name,
        scope,
        signer,
        statement: digest,
        subject,
        value,
        was: None,
    })
}

fn signer<C>(accepted: &AcceptedStatement<C>) -> Signer {
    Signer {
        anchor: accepted.certificate.map(|certificate| certificate.anchor),
        key: accepted.key.to_string(),
        until: accepted.certificate.map(|certificate| certificate.not_after.get()),
    }
}
