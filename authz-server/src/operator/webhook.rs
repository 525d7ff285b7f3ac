//! The validating webhook: refuses, when an object is applied, what the build would refuse. It changes nothing, so a dry run is answered
//! like any other. Until it knows all objects and the base, it refuses everything, and says so.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper::body::Bytes;
use policy::Files;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::base::OpenedBase;
use super::check::check_one;
use super::cluster::WatchedRoutes;
use super::objects::RouteKey;
use super::quota::Quota;
use super::settle::{Foundation, Settled};
use super::telemetry::Figures;
use super::verdict::cut;
use crate::clock::Clock;

/// An object of Kubernetes has at most 1.5 MiB, and a change comes with the object before it.
const LONGEST: usize = 8 * 1024 * 1024;
/// How many objects are checked at once. Each takes a core for a moment.
const AT_ONCE: usize = 2;
/// The API server waits 10 s.
const PLACE_WITHIN: Duration = Duration::from_secs(5);
const MOST_WARNINGS: usize = 8;
/// Kubernetes cuts warnings at 4 KiB together.
const LONGEST_WARNING: usize = 256;

/// What objects are compared with: the last complete build.
#[derive(Debug)]
pub struct Known {
    pub base: Arc<OpenedBase>,
    pub signed: Arc<Files>,
    pub quota: Quota,
    pub settled: Arc<Settled>,
}

#[derive(Clone, Debug)]
pub struct Webhook {
    known: Arc<ArcSwapOption<Known>>,
    watched: WatchedRoutes,
    places: Arc<Semaphore>,
    clock: Clock,
    figures: Figures,
}

impl Webhook {
    pub fn new(watched: WatchedRoutes, clock: Clock, figures: Figures) -> Webhook {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        Webhook { known: Arc::default(), watched, places, clock, figures }
    }

    /// From now on objects are compared with this.
    pub fn know(&self, known: Option<Known>) {
        self.known.store(known.map(Arc::new));
    }
}

pub fn router(webhook: Webhook) -> Router {
    Router::new().route("/validate", post(validate)).layer(DefaultBodyLimit::max(LONGEST)).with_state(webhook)
}

#[derive(Debug, Deserialize)]
struct Review {
    request: Request,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    object: Value,
    #[serde(default)]
    old_object: Value,
}

/// The answer to one review.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Allowed { warnings: Vec<String> },
    Denied { code: u16, reason: &'static str, message: String },
}

async fn validate(State(webhook): State<Webhook>, body: Bytes) -> Response {
    let Ok(Review { request }) = serde_json::from_slice::<Review>(&body) else {
        return (StatusCode::BAD_REQUEST, "this is not an AdmissionReview\n").into_response();
    };
    let uid = request.uid.clone();
    let answer = webhook.answer(request).await;
    let response = match answer {
        Answer::Allowed { warnings } => {
            webhook.figures.count_admission("allowed");
            json!({"uid": uid, "allowed": true, "warnings": warnings})
        }
        Answer::Denied { code, reason, message } => {
            webhook.figures.count_admission(if code == 503 { "not-ready" } else { "denied" });
            json!({"uid": uid, "allowed": false, "status": {"code": code, "reason": reason, "message": message}})
        }
    };
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    ([(header::CONTENT_TYPE, "application/json")], review.to_string()).into_response()
}

impl Webhook {
    async fn answer(&self, request: Request) -> Answer {
        let spec = request.object.get("spec").cloned().unwrap_or_default();
        // A change of labels, or of finalizers, must be possible also for an object that is not valid any more.
        let is_update = request.operation == "UPDATE";
        if is_update && request.old_object.get("spec").is_some_and(|before| *before == spec) {
            return Answer::Allowed { warnings: Vec::new() };
        }
        if !is_update && request.operation != "CREATE" {
            return Answer::Allowed { warnings: Vec::new() };
        }
        if request.name.is_empty() {
            return denied(
                "metadata.name: it is missing; a route has a name of its own, and not a generated one"
                    .to_owned(),
            );
        }
        let objects = self.watched.gathered().complete();
        let (Some(known), Some(objects)) = (self.known.load_full(), objects) else {
            return not_ready(
                "the operator is not ready: it does not know all routes of the cluster, or the signed base, yet",
            );
        };
        let place = tokio::time::timeout(PLACE_WITHIN, Arc::clone(&self.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return not_ready("the operator is not ready: too many objects are being checked");
        };
        let key = RouteKey { namespace: request.namespace, name: request.name };
        let now = self.clock.now();
        let checked = tokio::task::spawn_blocking(move || {
            let _place = place;
            let foundation = Foundation {
                base: &known.base.base,
                grounds: &known.base.grounds,
                signed: &known.signed,
                quota: known.quota,
            };
            check_one(&foundation, (&known.settled, &objects), &key, &spec, now)
        });
        match checked.await {
            Ok(Ok(warnings)) => {
                let warnings = warnings.iter().take(MOST_WARNINGS).map(|one| cut(one, LONGEST_WARNING));
                Answer::Allowed { warnings: warnings.collect() }
            }
            Ok(Err(refusal)) => denied(cut(&format!("{}: {}", refusal.reason(), refusal.message()), 4096)),
            Err(_) => not_ready("the operator could not check this object: its log says why"),
        }
    }
}

fn denied(message: String) -> Answer {
    Answer::Denied { code: 422, reason: "Invalid", message }
}

fn not_ready(message: &str) -> Answer {
    Answer::Denied {
        code: 503,
        reason: "ServiceUnavailable",
        message: format!("{message}; apply it again in a moment"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook() -> Webhook {
        Webhook::new(WatchedRoutes::default(), Clock::from_fn(|| 0), Figures::default())
    }

    fn request(operation: &str, name: &str, spec: Value, before: Value) -> Request {
        Request {
            uid: "u".into(),
            name: name.into(),
            namespace: "payments".into(),
            operation: operation.into(),
            object: json!({"spec": spec}),
            old_object: json!({"spec": before}),
        }
    }

    #[tokio::test]
    async fn without_a_complete_list_everything_is_denied_as_not_ready() {
        for operation in ["CREATE", "UPDATE"] {
            let answer = webhook().answer(request(operation, "pay", json!({"a": 1}), json!({}))).await;
            assert!(
                matches!(&answer, Answer::Denied { code: 503, message, .. } if message.contains("not ready")),
                "{answer:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_change_beside_the_spec_and_a_removal_are_always_allowed() {
        let same = request("UPDATE", "pay", json!({"a": 1}), json!({"a": 1}));
        assert_eq!(webhook().answer(same).await, Answer::Allowed { warnings: vec![] });
        let gone = request("DELETE", "pay", json!(null), json!({"a": 1}));
        assert_eq!(webhook().answer(gone).await, Answer::Allowed { warnings: vec![] });
        let unnamed = webhook().answer(request("CREATE", "", json!({}), json!(null))).await;
        assert!(matches!(&unnamed, Answer::Denied { code: 422, .. }), "{unnamed:?}");
    }
}
