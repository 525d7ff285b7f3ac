//! The candidate's results as JSON, for the operator who wants to put it in force.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use super::refused::Refused;
use crate::authority::FactRecorder;
use crate::authority::callers::Caller;
use crate::bundles::candidate::Candidate;

type Shown = (Option<Arc<Candidate>>, FactRecorder);

/// A caller that may read facts may read it too; `facts` checks that.
pub(super) fn router(candidate: Option<Arc<Candidate>>, facts: FactRecorder) -> Router {
    Router::new().route("/v1/candidate", get(status)).with_state((candidate, facts))
}

async fn status(
    State((candidate, facts)): State<Shown>,
    caller: Extension<Caller>,
) -> Result<Response, Refused> {
    facts.read(&caller)?;
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Ok(match candidate {
        // Names, numbers and codes always serialise.
        Some(candidate) => {
            (headers, serde_json::to_string(&candidate.status()).unwrap_or_default()).into_response()
        }
        None => (StatusCode::NOT_FOUND, "no candidate is configured\n").into_response(),
    })
}
