//! Writes the status of objects, several at once.

use std::collections::BTreeMap;

use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::task::JoinSet;
use tracing::warn;

use super::governed_route::GovernedRoute;
use super::{CallError, answered};
use crate::operator::conditions::Condition;
use crate::operator::objects::RouteKey;

/// How many are written at once.
const AT_ONCE: usize = 16;
/// The object is gone.
const NOT_FOUND: u16 = 404;

/// Writes these conditions. Returns those that were written; the rest is tried again at the next look.
pub async fn write_statuses(
    client: &Client,
    all: BTreeMap<RouteKey, (i64, Vec<Condition>)>,
) -> BTreeMap<RouteKey, Vec<Condition>> {
    let mut done = BTreeMap::new();
    let mut failed: Option<(RouteKey, CallError)> = None;
    let mut tasks = JoinSet::new();
    for (key, (generation, conditions)) in all {
        if tasks.len() >= AT_ONCE {
            note(tasks.join_next().await, &mut done, &mut failed);
        }
        let client = client.clone();
        tasks.spawn(async move {
            let result = write(client, &key, generation, &conditions).await;
            (key, conditions, result)
        });
    }
    while !tasks.is_empty() {
        note(tasks.join_next().await, &mut done, &mut failed);
    }
    if let Some((key, error)) = failed {
        warn!(object = %key, "cannot write the status of an object: {error}");
    }
    done
}

type Written = (RouteKey, Vec<Condition>, Result<(), CallError>);

fn note(
    ended: Option<Result<Written, tokio::task::JoinError>>,
    done: &mut BTreeMap<RouteKey, Vec<Condition>>,
    failed: &mut Option<(RouteKey, CallError)>,
) {
    let Some(Ok((key, conditions, result))) = ended else { return };
    match result {
        Ok(()) => drop(done.insert(key, conditions)),
        Err(error) => *failed = Some((key, error)),
    }
}

async fn write(
    client: Client,
    key: &RouteKey,
    generation: i64,
    conditions: &[Condition],
) -> Result<(), CallError> {
    let api = Api::<GovernedRoute>::namespaced(client, &key.namespace);
    let status = json!({"status": {"observedGeneration": generation, "conditions": conditions}});
    let patch = Patch::Merge(&status);
    match answered(api.patch_status(&key.name, &PatchParams::default(), &patch)).await {
        Ok(_) | Err(CallError { code: NOT_FOUND, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
