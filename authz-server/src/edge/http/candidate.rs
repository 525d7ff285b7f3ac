//! The candidate's results as JSON, for the operator who wants to put it in force.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::bundles::candidate::Candidate;

pub(super) fn router(candidate: Option<Arc<Candidate>>) -> Router {
    Router::new().route("/v1/candidate", get(status)).with_state(candidate)
}

async fn status(State(candidate): State<Option<Arc<Candidate>>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    match candidate {
        // Names, numbers and codes always serialise.
        Some(candidate) => {
            (headers, serde_json::to_string(&candidate.status()).unwrap_or_default()).into_response()
        }
        None => (StatusCode::NOT_FOUND, "no candidate is configured\n").into_response(),
    }
}
