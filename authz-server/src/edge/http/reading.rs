//! The calls that read the past: `/v1/decisions` and `/v1/lineages`. Who may see what is decided in `authority`.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::Deserialize;
use utoipa::IntoParams;

use super::openapi::{OfHistory, OfNames, OfReaders};
use super::refused::Refused;
use crate::authority::api::Natural;
use crate::authority::callers::Caller;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::authority::reading::{DecisionAnswer, DecisionsAnswer, LineageAnswer, Reading};
use crate::history::Wanted;
use crate::schema::{DecisionId, Jti};

const LISTED: usize = 50;
const LISTED_AT_MOST: usize = 200;

pub(super) fn router(reading: Reading) -> Router {
    Router::new()
        .route("/v1/decisions", get(decisions))
        .route("/v1/decisions/{id}", get(decision))
        .route("/v1/decisions/{id}/proof", get(proof))
        .route("/v1/lineages/{txn}", get(lineage))
        .with_state(reading)
}

type Answered = Result<Response, Refused>;

/// A name in the path.
type Name = Result<Path<String>, PathRejection>;

fn name(name: Name) -> Result<String, ApiError> {
    name.map(|Path(name)| name).map_err(|error| ApiError::new(ApiErrorCode::Malformed, error.body_text()))
}

/// One decision, as it is recorded
///
/// Needs `read-decisions` on its route, or on the mesh for one without a route. For an id that the caller may not see the answer is the
/// same as for one that does not exist.
#[utoipa::path(get, path = "/v1/decisions/{id}", tag = "decisions", params(("id" = DecisionId, Path)),
    responses((status = 200, description = "It was found.", body = DecisionAnswer), OfReaders, OfHistory, OfNames),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn decision(
    State(reading): State<Reading>,
    id: Name,
    Extension(caller): Extension<Caller>,
) -> Answered {
    let id = name(id)?;
    let answer = reading.in_turn(caller, move |reading, caller| reading.decision(caller, &id)).await?;
    Ok(Json(answer).into_response())
}

/// The proof that a decision is on record
///
/// Needs `read-entries` on the mesh. The proof is a C2SP `tlog-proof@v1` whose `extra` is the entry.
#[utoipa::path(get, path = "/v1/decisions/{id}/proof", tag = "decisions", params(("id" = DecisionId, Path)),
    responses((status = 200, description = "It was found.", content_type = "text/plain; charset=utf-8", body = String),
        OfReaders, OfHistory, OfNames),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn proof(
    State(reading): State<Reading>,
    id: Name,
    Extension(caller): Extension<Caller>,
) -> Answered {
    let id = name(id)?;
    let text = reading.in_turn(caller, move |reading, caller| reading.proof(caller, &id)).await?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}

/// Which decisions. One must fit all that is given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// The name of the route.
    route: Option<String>,
    /// The outcome or the verdict: `allowed`, `ungoverned`, `observed`, `permit`, or a denial's code.
    code: Option<String>,
    /// The `txn` of the root.
    lineage: Option<String>,
    /// The `sub` of the warrant's last link.
    holder: Option<String>,
    /// This index and below. `next` of an answer is the `from` of the next page.
    from: Option<Natural>,
    /// How many: 50 unless it is given. More than 200 counts as 200, and 0 as 1.
    limit: Option<Natural>,
}

/// Decisions, the newest first
///
/// Those on the routes on which the caller has `read-decisions`. Who has it nowhere is refused.
#[utoipa::path(get, path = "/v1/decisions", tag = "decisions", params(ListQuery),
    responses((status = 200, description = "A page of the list.", body = DecisionsAnswer), OfReaders, OfHistory),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn decisions(
    State(reading): State<Reading>,
    query: Result<Query<ListQuery>, QueryRejection>,
    Extension(caller): Extension<Caller>,
) -> Answered {
    let ListQuery { route, code, lineage, holder, from, limit } = parameters(query)?;
    let wanted = Wanted { route, code, lineage, holder };
    let limit = limit.map_or(LISTED, |limit| limit.at_most(LISTED_AT_MOST).max(1));
    let from = from.map(Natural::get);
    let read = move |reading: &Reading, caller: &Caller| reading.decisions(caller, &wanted, from, limit);
    let answer = reading.in_turn(caller, read).await?;
    Ok(Json(answer).into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LineageQuery {
    /// The issuer of the root, if several have such a lineage.
    iss: Option<String>,
}

/// The warrants that came from roots with one `txn`, as a tree
///
/// Needs `read-lineages`: on the mesh for all of them, and on a route for those that lead to a decision on it. Who has it nowhere is
/// refused.
#[utoipa::path(get, path = "/v1/lineages/{txn}", tag = "decisions", params(("txn" = Jti, Path), LineageQuery),
    responses((status = 200, description = "It was found.", body = LineageAnswer), OfReaders, OfHistory, OfNames),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn lineage(
    State(reading): State<Reading>,
    txn: Name,
    query: Result<Query<LineageQuery>, QueryRejection>,
    Extension(caller): Extension<Caller>,
) -> Answered {
    let (txn, LineageQuery { iss }) = (name(txn)?, parameters(query)?);
    // Thousands of warrants are written here too, not on a thread that makes decisions.
    let made = reading.in_turn(caller, move |reading, caller| {
        let answer = reading.lineage(caller, &txn, iss.as_deref())?;
        Ok(Json(answer).into_response())
    });
    Ok(made.await?)
}

fn parameters<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    query.map(|Query(query)| query).map_err(|error| ApiError::new(ApiErrorCode::Malformed, error.body_text()))
}
