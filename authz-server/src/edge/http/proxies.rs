//! `/v1/proxies`: the proxies that ask for statements, how far each is, and those that nobody hears of.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::refused::Refused;
use crate::authority::FactRecorder;
use crate::authority::callers::Caller;
use crate::authority::governance::{Governance, HeardProxies};

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

/// `now` is the time by which `until` and `complete_from` are meant: a caller's clock may be another.
async fn list(
    State((ProxiesPage { heard: proxies, governance }, facts)): State<Shown>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, Refused> {
    let (known, now) = facts.read_proxies(&caller)?;
    let heard = proxies.all();
    let ids: BTreeSet<&str> = heard.iter().map(|proxy| proxy.id.as_str()).collect();
    let silent: Vec<&str> = known.bundle().proxies().filter(|id| !ids.contains(id)).collect();
    Ok(Json(json!({
        "as_of": known.as_of(),
        "complete_from": proxies.complete_from().get(),
        "now": now.get(),
        "proxies": heard,
        "silent": silent,
        "statement_keys": governance.keys(),
    })))
}
