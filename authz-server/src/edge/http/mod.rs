//! The HTTP endpoints: liveness, readiness (and what is missing), metrics, and the log.

pub mod candidate;
pub mod log;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::telemetry::Metrics;
use crate::telemetry::Readiness;

#[derive(Clone, Debug)]
pub struct HttpState {
    pub readiness: Arc<Readiness>,
    pub metrics: Arc<Metrics>,
    pub log: log::Log,
}

pub fn router(state: HttpState) -> Router {
    let log = log::router(state.log.clone());
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(state)
        .merge(log)
}

/// 200 if every part is ready, else 503. The body lists each part, with the reason if it is not ready.
async fn readyz(State(state): State<HttpState>) -> Response {
    let report = state.readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, report.to_json()).into_response()
}

async fn metrics(State(state): State<HttpState>) -> Response {
    let headers = [(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)];
    (headers, state.metrics.exposition()).into_response()
}
