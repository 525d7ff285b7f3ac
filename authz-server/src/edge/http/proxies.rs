//! `/v1/proxies`: the proxies that ask for statements, how far each is, and those that nobody hears of.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::OfReaders;
use super::refused::Refused;
use crate::authority::FactRecorder;
use crate::authority::callers::Caller;
use crate::authority::governance::{Governance, HeardProxies, HeardProxy, ShownKey};

/// The proxies, and what they are told.
#[derive(Clone, Debug)]
pub struct ProxiesPage {
    pub heard: HeardProxies,
    pub governance: Arc<Governance>,
}

type Shown = (ProxiesPage, FactRecorder);

/// `facts` checks whether a caller may read them.
pub(super) fn router(page: ProxiesPage, facts: FactRecorder) -> Router {
    Router::new().route("/v1/proxies", get(list)).with_state((page, facts))
}

/// The proxies that are heard of, and those that are not.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProxyList {
    /// The size of the log up to which this is said.
    as_of: u64,
    /// From this time on, in seconds, every proxy that holds a statement is in the list.
    complete_from: u64,
    /// The time by which `until` and `complete_from` are meant, in seconds: a caller's clock may be another.
    now: u64,
    proxies: Vec<HeardProxy>,
    /// The proxies that the bundle names and nobody has heard of.
    silent: Vec<String>,
    /// The server's own keys for governance statements.
    statement_keys: Vec<ShownKey>,
}

/// The proxies that ask for governance statements, and how far each is
///
/// Needs `read-proxies` on the mesh.
#[utoipa::path(get, path = "/v1/proxies", tag = "proxies",
    responses((status = 200, description = "All of them.", body = ProxyList), OfReaders),
    security(("token" = []), ("certificate" = [])))]
pub(super) async fn list(
    State((ProxiesPage { heard: proxies, governance }, facts)): State<Shown>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<ProxyList>, Refused> {
    let (known, now) = facts.read_proxies(&caller)?;
    let heard = proxies.all();
    let ids: BTreeSet<&str> = heard.iter().map(|proxy| proxy.id.as_str()).collect();
    let silent = known.bundle().proxies().filter(|id| !ids.contains(id)).map(str::to_owned).collect();
    Ok(Json(ProxyList {
        as_of: known.as_of(),
        complete_from: proxies.complete_from().get(),
        now: now.get(),
        proxies: heard,
        silent,
        statement_keys: governance.keys(),
    }))
}
