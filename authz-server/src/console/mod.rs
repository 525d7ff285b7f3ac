//! The console: pages for people, made by this server. It reads through the same functions as the API, for the same callers, and changes
//! nothing itself: what changes something is a call to `/v1/`. A page needs no script; scripts only make it more convenient.
//!
//! Every text that a request can bring is shown by `text`, and by nothing else.

mod acts;
mod assets;
mod callers;
mod decision;
mod decisions;
mod events;
mod facts;
mod headers;
mod health;
mod lineage;
mod outcomes;
mod page;
mod parts;
mod text;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use tokio::sync::watch;

use crate::authority::FactRecorder;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::authority::reading::Reading;
use crate::edge::http::{Authenticator, ProxiesPage};
use crate::telemetry::Readiness;
use callers::Refused;
use events::Events;

/// Where the newest decisions are.
const FIRST_PAGE: &str = "/console/decisions";

/// What the pages are made from.
#[derive(Debug)]
pub struct Console {
    pub reading: Reading,
    pub facts: FactRecorder,
    pub proxies: ProxiesPage,
    pub readiness: Arc<Readiness>,
    pub authenticator: Authenticator,
    pub stopping: watch::Receiver<bool>,
}

/// The same for one page. Cheap to clone.
#[derive(Clone, Debug)]
struct Pages {
    reading: Reading,
    facts: FactRecorder,
    proxies: ProxiesPage,
    readiness: Arc<Readiness>,
}

/// The pages, all below `/console`.
pub fn router(Console { reading, facts, proxies, readiness, authenticator, stopping }: Console) -> Router {
    let pages = Router::new()
        .route("/console", get(first_page))
        .route("/console/", get(first_page))
        .route("/console/decisions", get(decisions::list))
        .route("/console/decisions/{id}", get(decision::one))
        .route("/console/lineages", get(lineage::find))
        .route("/console/lineages/{txn}", get(lineage::one))
        .with_state(reading.clone())
        .route("/console/events", get(events::stream))
        .with_state(Events::new(reading.clone(), stopping))
        .route("/console/facts", get(facts::all))
        .route("/console/health", get(health::health))
        .with_state(Pages { reading, facts, proxies, readiness })
        .route("/console/{*other}", get(no_such_page))
        .layer(from_fn_with_state(authenticator, callers::authenticate));
    // They say nothing of this mesh, and a page of a refusal needs them too.
    let assets = Router::new().route("/console/assets/{name}", get(assets::asset));
    pages.merge(assets).layer(from_fn(headers::secure))
}

async fn first_page() -> impl IntoResponse {
    Redirect::to(FIRST_PAGE)
}

async fn no_such_page() -> Refused {
    ApiError::new(ApiErrorCode::Unknown, "the console has no page of this address").into()
}
