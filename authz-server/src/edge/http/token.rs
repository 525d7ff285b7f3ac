//! `POST /v1/token` and what leads to it: the authority's keys (`/v1/jwks.json`), its metadata (RFC 8414), and who issues warrants for
//! a resource (RFC 9728). Who may have a warrant is decided in `authority`.
//!
//! A call is not made by a caller of the API: the form names whom it is for, and a client certificate counts as one of several
//! things that show it. So a header `Authorization` has no place here.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tracing::{debug, warn};

use super::authenticate::connection;
use super::count::CallCounter;
use super::openapi::{KeySet, OfAnybody, OfIssuing};
use super::public_page;
use super::refused::Refused;
use crate::authority::api::read_body;
use crate::authority::callers::Connection;
use crate::authority::issuing::{
    IssuedWarrant, Refusal, RefusalCode, TOKEN_PATH, TokenAnswer, TokenCall, TokenForm, WarrantIssuer,
    metadata,
};
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::edge::peer::Peer;
use crate::telemetry::Metrics;

const FORM: &str = "application/x-www-form-urlencoded";
const PROOF: &str = "warrant-proof";
pub(super) const JWKS_PATH: &str = "/v1/jwks.json";

/// The authority's pages. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AuthorityPages {
    pub issuer: WarrantIssuer,
    pub metrics: Arc<Metrics>,
    pub counter: CallCounter,
}

pub(super) fn router(pages: AuthorityPages) -> Router {
    let authority = pages.issuer.authority();
    let about = public_page("application/json", metadata::server(authority, TOKEN_PATH, JWKS_PATH));
    let with_pages = Router::new()
        .route(TOKEN_PATH, post(token))
        .route(JWKS_PATH, get(keys))
        .route(metadata::RESOURCE_PATH, get(resource));
    Router::new()
        .route("/.well-known/oauth-authorization-server", get(move || async move { about }))
        .merge(with_pages.with_state(pages))
}

/// The keys that sign warrants
///
/// Only where the server is an authority.
#[utoipa::path(get, path = "/v1/jwks.json", tag = "public",
    responses((status = 200, description = "A JWK set (RFC 7517).", content_type = "application/jwk-set+json", body = KeySet),
        OfAnybody))]
pub(super) async fn keys(State(pages): State<AuthorityPages>) -> Response {
    public_page("application/jwk-set+json", pages.issuer.jwks()).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedResource {
    /// Its URL.
    resource: String,
}

async fn resource(
    State(pages): State<AuthorityPages>,
    asked: Result<Query<AskedResource>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(asked) = asked
        .map_err(|error| ApiError::new(ApiErrorCode::Malformed, format!("name one `resource`: {error}")))?;
    let unknown = || ApiError::new(ApiErrorCode::Unknown, "`resource` is not the URL of a host in this mesh");
    let body = pages.issuer.resource(&asked.resource).ok_or_else(unknown)?;
    Ok(public_page("application/json", body).into_response())
}

/// Exchange a token for a warrant (RFC 8693)
///
/// Only where the server is an authority. The form says whom the warrant is for; a client certificate counts too. A header
/// `Authorization` is refused.
#[utoipa::path(post, path = "/v1/token", tag = "warrants",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    params(("warrant-proof" = Option<String>, Header, nullable = false, description = "A proof that the caller has the key in `cnf`.")),
    responses((status = 200, description = "A warrant.", body = TokenAnswer), OfIssuing))]
pub(super) async fn token(
    State(pages): State<AuthorityPages>,
    peer: Option<Extension<Peer>>,
    request: Request,
) -> Response {
    let connection = connection(peer.as_deref());
    let answered = issued(&pages.issuer, &connection, request).await;
    pages.metrics.count_issuance(answered.as_ref().map_or_else(|refusal| refusal.code.code(), |_| "issued"));
    match answered {
        Ok(issued) => {
            debug!(id = issued.id, expires_in = issued.expires_in, "issued a warrant");
            (no_store(), issued.body()).into_response()
        }
        Err(refusal) => {
            if pages.counter.may_write() {
                warn!(code = refusal.code.code(), "no warrant was issued: {refusal}");
            }
            refused(&refusal)
        }
    }
}

async fn issued(
    issuer: &WarrantIssuer,
    connection: &Connection,
    request: Request,
) -> Result<IssuedWarrant, Refusal> {
    let (parts, body) = request.into_parts();
    let malformed = |detail: &str| Refusal::new(RefusalCode::FormMalformed, detail);
    if parts.headers.contains_key(header::AUTHORIZATION) {
        return Err(malformed("leave the header Authorization out: tokens go into the form"));
    }
    let kind = one(&parts.headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(FORM) {
        return Err(malformed("the content-type is not application/x-www-form-urlencoded"));
    }
    let body = read_body(body).await.map_err(|error| {
        let is_too_large = error.code() == ApiErrorCode::TooLarge;
        if is_too_large { RefusalCode::FormTooLarge.into() } else { malformed(&error.to_string()) }
    })?;
    let authority = parts.uri.authority().map(ToString::to_string);
    let host = authority.as_deref().or_else(|| one(&parts.headers, header::HOST.as_str()));
    let proof = one(&parts.headers, PROOF).unwrap_or_default();
    if parts.headers.get_all(PROOF).iter().count() > 1 {
        return Err(Refusal::new(RefusalCode::ProofInvalid, "send one header Warrant-Proof"));
    }
    let certificate = match connection {
        Connection::Certificate(certificate) => Some(certificate),
        Connection::Local | Connection::Anonymous => None,
    };
    let host = host.ok_or_else(|| malformed("the request has no Host"))?;
    issuer.issue(TokenCall { certificate, host, proof: proof.as_bytes(), body: &body }).await
}

/// The value of a header that occurs once.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let value = all.next()?;
    if all.next().is_some() { None } else { value.to_str().ok() }
}

fn no_store() -> [(header::HeaderName, &'static str); 2] {
    [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")]
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, no_store(), refusal.body()).into_response();
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}
