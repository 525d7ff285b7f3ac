//! The public keys of receipts, for upstreams: a set of its own, so that no library takes another kind of token for a receipt.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::openapi::{KeySet, OfAnybody};
use crate::authority::receipts::ReceiptSigners;

pub(super) fn router(keys: Arc<ReceiptSigners>) -> Router {
    Router::new().route("/v1/receipt-jwks.json", get(set)).with_state(keys)
}

/// The keys that sign receipts
#[utoipa::path(get, path = "/v1/receipt-jwks.json", tag = "public",
    responses((status = 200, description = "A JWK set (RFC 7517).", content_type = "application/jwk-set+json", body = KeySet),
        OfAnybody))]
pub(super) async fn set(State(keys): State<Arc<ReceiptSigners>>) -> Response {
    let kept = format!("max-age={}", keys.kept_seconds());
    let headers =
        [(header::CONTENT_TYPE, "application/jwk-set+json".to_owned()), (header::CACHE_CONTROL, kept)];
    (headers, keys.jwks()).into_response()
}
