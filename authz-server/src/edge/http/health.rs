//! For health checks: liveness, readiness (and what is missing), and metrics. Anybody who can connect may read them.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::telemetry::{Metrics, Readiness};

/// `exposition` writes the metrics as they are now.
pub fn router(
    readiness: Arc<Readiness>,
    exposition: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(move || async move { ready(&readiness) }))
        .route("/metrics", get(move || async move { metrics(exposition()) }))
}

/// 200 if every part is ready, else 503. The body lists each part, with the reason if it is not ready.
fn ready(readiness: &Readiness) -> Response {
    let report = readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, report.to_json()).into_response()
}

fn metrics(exposition: String) -> Response {
    ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], exposition).into_response()
}
