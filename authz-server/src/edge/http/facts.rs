//! The calls that feed facts and read them: `/v1/revocations`, `/v1/reinstatements`, `/v1/posture`, `/v1/attestations` and
//! `/v1/conditions`. Whether a caller may do it is decided in `authority`. The answers are in `fact_answers`.

use std::collections::BTreeMap;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use ledger::FactReceipt;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::fact_answers::{
    AttestationList, ConditionList, HeldAttestation, HeldCondition, HeldPosture, HeldRevocation, PostureList,
    RecordedFact, RevocationList,
};
use super::openapi::{OfConflicts, OfNames, OfParameters, OfReaders, OfRecorders};
use super::refused::Refused;
use crate::authority::FactRecorder;
use crate::authority::api::{
    Natural, PostureCall, ReinstatementCall, RevocationCall, StatementCall, check_is_json, read_body,
};
use crate::authority::callers::Caller;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::facts::{Known, Recorded};

pub(super) fn router(recorder: FactRecorder) -> Router {
    Router::new()
        .route("/v1/revocations", post(revoke).get(revocations))
        .route("/v1/revocations/{index}", get(revocation))
        .route("/v1/reinstatements", post(reinstate))
        .route("/v1/posture", put(set_posture).get(postures))
        .route("/v1/attestations", post(attest).get(attestations))
        .route("/v1/conditions", post(state_condition).get(conditions))
        .with_state(recorder)
}

type Answered = Result<Response, Refused>;

/// Revoke a warrant, a lineage, a key or a holder
///
/// Needs `revoke`, on the issuer for a path or a lineage, and otherwise on the mesh. The entry is on disk before the answer.
#[utoipa::path(post, path = "/v1/revocations", tag = "facts", request_body = RevocationCall,
    responses(RecordedFact, OfRecorders), security(("token" = []), ("certificate" = [])))]
pub(super) async fn revoke(State(facts): State<FactRecorder>, request: Request) -> Answered {
    let (caller, body) = called(request).await?;
    Ok(recorded(facts.revoke(&caller, &body).await?))
}

/// End the revocation of a key or a holder
///
/// Needs `reinstate` on the mesh.
#[utoipa::path(post, path = "/v1/reinstatements", tag = "facts", request_body = ReinstatementCall,
    responses(RecordedFact, OfRecorders, OfNames), security(("token" = []), ("certificate" = [])))]
pub(super) async fn reinstate(State(facts): State<FactRecorder>, request: Request) -> Answered {
    let (caller, body) = called(request).await?;
    Ok(recorded(facts.reinstate(&caller, &body).await?))
}

/// Set how much is allowed, in the mesh, an environment, a route or for an issuer
///
/// Needs `set-posture` on that place.
#[utoipa::path(put, path = "/v1/posture", tag = "facts", request_body = PostureCall,
    responses(RecordedFact, OfRecorders, OfConflicts), security(("token" = []), ("certificate" = [])))]
pub(super) async fn set_posture(State(facts): State<FactRecorder>, request: Request) -> Answered {
    let (caller, body) = called(request).await?;
    Ok(recorded(facts.set_posture(&caller, &body).await?))
}

/// Bring a statement about a workload
///
/// A compact JWS of the type `workload-attestation+jwt`. No permission is asked: the statement says itself who made it.
#[utoipa::path(post, path = "/v1/attestations", tag = "facts", request_body = StatementCall,
    responses(RecordedFact, OfRecorders, OfConflicts), security(("token" = []), ("certificate" = [])))]
pub(super) async fn attest(State(facts): State<FactRecorder>, request: Request) -> Answered {
    let (caller, body) = called(request).await?;
    Ok(recorded(facts.attest(&caller, &body).await?))
}

/// Bring a statement about a condition
///
/// A compact JWS of the type `condition+jwt`. No permission is asked: the statement says itself who made it.
#[utoipa::path(post, path = "/v1/conditions", tag = "facts", request_body = StatementCall,
    responses(RecordedFact, OfRecorders, OfConflicts), security(("token" = []), ("certificate" = [])))]
pub(super) async fn state_condition(State(facts): State<FactRecorder>, request: Request) -> Answered {
    let (caller, body) = called(request).await?;
    Ok(recorded(facts.state_condition(&caller, &body).await?))
}

/// Who calls, and the body.
async fn called(request: Request) -> Result<(Caller, Vec<u8>), ApiError> {
    let (parts, body) = request.into_parts();
    let caller = parts.extensions.get::<Caller>().cloned();
    let caller = caller.ok_or_else(|| ApiError::of(ApiErrorCode::NotAuthenticated))?;
    check_is_json(&parts.headers)?;
    Ok((caller, read_body(body).await?))
}

fn recorded(FactReceipt { receipt, repeats }: FactReceipt) -> Response {
    let status = if repeats { StatusCode::OK } else { StatusCode::CREATED };
    (status, Json(RecordedFact { index: receipt.index(), seq: receipt.size(), repeats })).into_response()
}

/// Lists are read in pieces.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Piece {
    /// The facts from this index on. `next` of an answer is the `from` of the next piece.
    #[serde(default)]
    #[param(required = false)]
    from: Natural,
    /// How many. More than 1,000 counts as 1,000.
    #[serde(default = "Piece::most")]
    #[param(required = false)]
    limit: Natural,
}

impl Piece {
    fn most() -> Natural {
        Natural::of(1000)
    }

    /// The facts of this piece, and where the following piece begins.
    fn of<'a, F: 'a, T>(
        self,
        facts: impl Iterator<Item = &'a Recorded<F>>,
        shown: impl Fn(&Recorded<F>) -> T,
    ) -> (Vec<T>, Option<u64>) {
        let limit = self.limit.at_most(1000);
        // There may be a million, so only those that are shown are kept, and one more.
        let mut first = BTreeMap::new();
        for recorded in facts.filter(|recorded| recorded.index >= self.from.get()) {
            first.insert(recorded.index, recorded);
            if first.len() > limit.saturating_add(1) {
                first.pop_last();
            }
        }
        let next = if first.len() > limit { first.pop_last().map(|(index, _)| index) } else { None };
        (first.values().map(|recorded| shown(recorded)).collect(), next)
    }
}

/// Makes a long answer on a thread that makes no decisions.
async fn listed<T: Serialize>(
    facts: &FactRecorder,
    caller: &Caller,
    of: PieceOf,
    list: impl FnOnce(Piece, &Known) -> T + Send + 'static,
) -> Answered {
    let known = facts.read(caller)?;
    let piece = piece(of)?;
    let made = tokio::task::spawn_blocking(move || Json(list(piece, &known)).into_response()).await;
    Ok(made.map_err(|_| ApiError::new(ApiErrorCode::Unavailable, "this server is stopping"))?)
}

type PieceOf = Result<Query<Piece>, QueryRejection>;

fn piece(piece: PieceOf) -> Result<Piece, ApiError> {
    piece.map(|Query(piece)| piece).map_err(|error| ApiError::new(ApiErrorCode::Malformed, error.body_text()))
}

/// The revocations in force
///
/// Needs `read-facts` on the mesh.
#[utoipa::path(get, path = "/v1/revocations", tag = "facts", params(Piece),
    responses((status = 200, description = "A piece of the list.", body = RevocationList), OfReaders, OfParameters),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn revocations(
    State(facts): State<FactRecorder>,
    of: PieceOf,
    caller: axum::Extension<Caller>,
) -> Answered {
    let list = |piece: Piece, known: &Known| {
        let (revocations, next) = piece.of(known.tables().revocations.iter(), HeldRevocation::of);
        RevocationList { as_of: known.as_of(), next, revocations }
    };
    listed(&facts, &caller, of, list).await
}

/// One revocation in force
///
/// Needs `read-facts` on the mesh.
#[utoipa::path(get, path = "/v1/revocations/{index}", tag = "facts",
    params(("index" = Natural, Path, description = "The index of its entry.")),
    responses((status = 200, description = "It is in force.", body = HeldRevocation), OfReaders, OfParameters, OfNames),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn revocation(
    State(facts): State<FactRecorder>,
    index: Result<Path<Natural>, PathRejection>,
    caller: axum::Extension<Caller>,
) -> Answered {
    let known = facts.read(&caller)?;
    let malformed = |error: PathRejection| ApiError::new(ApiErrorCode::Malformed, error.body_text());
    let Path(index) = index.map_err(malformed)?;
    let found = known.tables().revocations.at(index.get());
    let found =
        found.ok_or_else(|| ApiError::new(ApiErrorCode::Unknown, "no revocation in force has this index"))?;
    Ok(Json(HeldRevocation::of(found)).into_response())
}

/// The postures
///
/// Needs `read-facts` on the mesh. What is not in the list has the posture `normal`.
#[utoipa::path(get, path = "/v1/posture", tag = "facts", params(Piece),
    responses((status = 200, description = "A piece of the list.", body = PostureList), OfReaders, OfParameters),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn postures(
    State(facts): State<FactRecorder>,
    of: PieceOf,
    caller: axum::Extension<Caller>,
) -> Answered {
    let list = |piece: Piece, known: &Known| {
        let (postures, next) = piece.of(known.tables().postures.iter(), HeldPosture::of);
        PostureList { as_of: known.as_of(), next, postures }
    };
    listed(&facts, &caller, of, list).await
}

/// The newest statements about workloads
///
/// Needs `read-facts` on the mesh.
#[utoipa::path(get, path = "/v1/attestations", tag = "facts", params(Piece),
    responses((status = 200, description = "A piece of the list.", body = AttestationList), OfReaders, OfParameters),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn attestations(
    State(facts): State<FactRecorder>,
    of: PieceOf,
    caller: axum::Extension<Caller>,
) -> Answered {
    let list = |piece: Piece, known: &Known| {
        let (attestations, next) = piece.of(known.tables().attestations.iter(), HeldAttestation::of);
        AttestationList { as_of: known.as_of(), next, attestations }
    };
    listed(&facts, &caller, of, list).await
}

/// The newest statements about conditions
///
/// Needs `read-facts` on the mesh.
#[utoipa::path(get, path = "/v1/conditions", tag = "facts", params(Piece),
    responses((status = 200, description = "A piece of the list.", body = ConditionList), OfReaders, OfParameters),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn conditions(
    State(facts): State<FactRecorder>,
    of: PieceOf,
    caller: axum::Extension<Caller>,
) -> Answered {
    let list = |piece: Piece, known: &Known| {
        let (conditions, next) = piece.of(known.tables().conditions.iter(), HeldCondition::of);
        ConditionList { as_of: known.as_of(), next, conditions }
    };
    listed(&facts, &caller, of, list).await
}
