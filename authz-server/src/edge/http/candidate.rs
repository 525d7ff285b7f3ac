//! The candidate's results as JSON, for the operator who wants to put it in force.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};

use super::openapi::{OfNames, OfReaders};
use super::refused::Refused;
use crate::authority::FactRecorder;
use crate::authority::callers::Caller;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::bundles::candidate::{Candidate, CandidateStatus};

type Shown = (Option<Arc<Candidate>>, FactRecorder);

/// A caller that may read facts may read it too; `facts` checks that.
pub(super) fn router(candidate: Option<Arc<Candidate>>, facts: FactRecorder) -> Router {
    Router::new().route("/v1/candidate", get(status)).with_state((candidate, facts))
}

/// What the candidate bundle would have decided
///
/// Needs `read-facts` on the mesh.
#[utoipa::path(get, path = "/v1/candidate", tag = "policy",
    responses((status = 200, description = "The results so far.", body = CandidateStatus), OfReaders, OfNames),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn status(
    State((candidate, facts)): State<Shown>,
    caller: Extension<Caller>,
) -> Result<Response, Refused> {
    facts.read(&caller)?;
    let none = || ApiError::new(ApiErrorCode::Unknown, "no candidate is configured");
    let candidate = candidate.ok_or_else(none)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(candidate.status())).into_response())
}
