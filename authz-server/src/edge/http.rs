//! The HTTP side: is the process alive, is it ready (and if not, what is missing), its figures, and the log.

pub mod log;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::metrics::Metrics;
use crate::readiness::Readiness;

#[derive(Clone, Debug)]
pub struct Shown {
    pub readiness: Arc<Readiness>,
    pub metrics: Arc<Metrics>,
    pub log: log::Log,
}

pub fn router(shown: Shown) -> Router {
    let log = log::router(shown.log.clone());
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(shown)
        .merge(log)
}

/// 200 when every part is ready, else 503; either way each part and, where it is not ready, why.
async fn readyz(State(shown): State<Shown>) -> Response {
    let detail = shown.readiness.detail();
    let status = if detail.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, detail.to_json()).into_response()
}

async fn metrics(State(shown): State<Shown>) -> Response {
    let headers = [(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)];
    (headers, shown.metrics.exposition()).into_response()
}
