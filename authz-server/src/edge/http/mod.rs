//! The HTTP endpoints: those of the API, those for health checks, which have a listener of their own, and the one page for
//! proxies.

mod authenticate;
mod candidate;
mod count;
mod fact_answers;
mod facts;
pub mod health;
pub mod log;
mod openapi;
mod poll_places;
mod proxies;
mod reading;
mod receipt_keys;
mod refused;
mod same_origin;
mod statement;
mod token;
mod unread_body;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;

pub use authenticate::Authenticator;
pub use count::CallCounter;
pub use poll_places::PollPlaces;
pub use proxies::ProxiesPage;
pub use statement::{StatementPage, router as statement};
pub use token::AuthorityPages;

use refused::Refused;

use crate::authority::FactRecorder;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::authority::reading::Reading;
use crate::authority::receipts::ReceiptSigners;
use crate::bundles::candidate::Candidate;

/// What the API serves.
#[derive(Debug)]
pub struct ApiPages {
    pub log: log::Log,
    pub candidate: Option<Arc<Candidate>>,
    pub proxies: ProxiesPage,
    pub facts: FactRecorder,
    pub reading: Reading,
    pub authenticator: Authenticator,
    pub counter: CallCounter,
    /// The keys of `/v1/receipt-jwks.json`.
    pub receipt_keys: Arc<ReceiptSigners>,
    /// `None` if this server issues no warrants.
    pub authority: Option<AuthorityPages>,
}

/// Only keys, the authority, the API's own document and the public part of the log are for everybody.
pub fn api(pages: ApiPages) -> Router {
    let ApiPages { log, candidate, proxies, facts, reading, authenticator, counter, receipt_keys, authority } =
        pages;
    let with_callers = facts::router(facts.clone())
        .merge(candidate::router(candidate, facts.clone()))
        .merge(proxies::router(proxies, facts))
        .merge(reading::router(reading));
    let with_callers = with_callers.method_not_allowed_fallback(wrong_method);
    let with_callers = with_callers.layer(from_fn_with_state(authenticator, authenticate::authenticate));
    let public = log::router(log).merge(receipt_keys::router(receipt_keys)).merge(openapi::router());
    let public = authority.map(token::router).into_iter().fold(public, Router::merge);
    let public = public.method_not_allowed_fallback(wrong_method);
    let public = public.layer(from_fn(same_origin::same_origin));
    let with_callers = with_callers.layer(from_fn(same_origin::same_origin));
    let with_callers = with_callers.layer(from_fn_with_state(counter, count::count));
    let all =
        public.merge(with_callers).fallback(async || Refused::from(ApiError::of(ApiErrorCode::Unknown)));
    all.layer(from_fn(unread_body::read_rest))
}

/// The router adds the header `Allow`.
async fn wrong_method() -> Refused {
    ApiError::of(ApiErrorCode::WrongMethod).into()
}

/// A page for everybody, which clients may keep for a while.
fn public_page(kind: &'static str, body: String) -> impl IntoResponse + Clone {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")], body)
}
