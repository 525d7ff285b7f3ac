//! For health checks: liveness, readiness (and what is missing), and metrics. Anybody who can connect may read them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::telemetry::{Metrics, Readiness};

#[derive(Clone, Debug)]
pub struct Health {
    pub readiness: Arc<Readiness>,
    pub metrics: Arc<Metrics>,
}

pub fn router(health: Health) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// 200 if every part is ready, else 503. The body lists each part, with the reason if it is not ready.
async fn readyz(State(health): State<Health>) -> Response {
    let report = health.readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, report.to_json()).into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    let headers = [(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)];
    (headers, health.metrics.exposition()).into_response()
}
