//! The HTTP side: is the process alive, is it ready (and if not, what is missing), its figures, and the log.

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
pub struct Pages {
    pub readiness: Arc<Readiness>,
    pub metrics: Arc<Metrics>,
    pub log: log::Log,
}

pub fn router(pages: Pages) -> Router {
    let log = log::router(pages.log.clone());
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(pages)
        .merge(log)
}

/// 200 when every part is ready, else 503; either way each part and, where it is not ready, why.
async fn readyz(State(pages): State<Pages>) -> Response {
    let detail = pages.readiness.detail();
    let status = if detail.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, detail.to_json()).into_response()
}

async fn metrics(State(pages): State<Pages>) -> Response {
    let headers = [(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)];
    (headers, pages.metrics.exposition()).into_response()
}
