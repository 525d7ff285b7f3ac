//! The validating webhook: refuses, when an object is applied, what the build would refuse. It changes nothing, so a dry run is answered
//! like any other. Until it knows all objects and the base, and while it has not heard of the cluster for a while, it refuses everything,
//! and says so.
//!
//! Whoever may write an object makes it work, so what one request may take is bounded before its body is read, and one namespace does
//! not keep out another.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper::body::Bytes;
use policy::Files;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::base::OpenedBase;
use super::check::check_one;
use super::cluster::WatchedRoutes;
use super::objects::{CompleteList, RouteKey, SpecText};
use super::quota::Quota;
use super::settle::{Foundation, Settled};
use super::telemetry::Figures;
use super::verdict::{Refusal, cut};
use crate::clock::Clock;

/// An object of Kubernetes has at most 1.5 MiB, and a change comes with the object before it.
const LONGEST: usize = 3 * 1024 * 1024 + 512 * 1024;
/// How many bodies are read at once, and how long one may take.
const READ_AT_ONCE: usize = 8;
const READ_WITHIN: Duration = Duration::from_secs(2);
/// The API server gives up after 10 s, and its message then says nothing. All that a request waits for ends before that.
const ANSWERED_WITHIN: Duration = Duration::from_secs(8);
/// How many objects are checked at once. Each takes a core for a moment.
const AT_ONCE: usize = 2;
/// A namespace has one place of its own: it waits for itself before it waits for others. Some namespaces share one.
const NAMESPACES: usize = 256;
/// What is known of the cluster may be so old.
const BROKEN_FOR: Duration = Duration::from_secs(60);
/// Why nothing can be checked at first.
pub const NOT_KNOWN_YET: &str = "it does not know all routes of the cluster, or the signed base, yet";
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
    known: Arc<ArcSwap<Result<Arc<Known>, String>>>,
    watched: WatchedRoutes,
    readers: Arc<Semaphore>,
    namespaces: Arc<[Arc<Semaphore>]>,
    places: Arc<Semaphore>,
    clock: Clock,
    figures: Figures,
}

impl Webhook {
    pub fn new(watched: WatchedRoutes, clock: Clock, figures: Figures) -> Webhook {
        let places = |count: usize| Arc::new(Semaphore::new(count));
        Webhook {
            known: Arc::new(ArcSwap::from_pointee(Err(NOT_KNOWN_YET.to_owned()))),
            watched,
            readers: places(READ_AT_ONCE),
            namespaces: (0..NAMESPACES).map(|_| places(1)).collect(),
            places: places(AT_ONCE),
            clock,
            figures,
        }
    }

    /// From now on objects are compared with this; or everything is refused, for this reason.
    pub fn know(&self, known: Result<Known, String>) {
        self.known.store(Arc::new(known.map(Arc::new)));
    }
}

pub fn router(webhook: Webhook) -> Router {
    Router::new().route("/validate", post(validate)).with_state(webhook)
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
    object: Option<Object>,
    old_object: Option<Object>,
}

/// The part of an object that counts, as the text that was sent: an object that is nested too deeply must get an answer too, and must be
/// repairable.
#[derive(Debug, Deserialize)]
struct Object {
    spec: Option<Box<RawValue>>,
}

/// The answer to one review.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Allowed { warnings: Vec<String> },
    Denied { code: u16, reason: &'static str, message: String },
}

async fn validate(State(webhook): State<Webhook>, body: Body) -> Response {
    let begun = Instant::now();
    let body = match webhook.read(body, begun).await {
        Ok(body) => body,
        Err((status, why)) => return (status, why).into_response(),
    };
    let Ok(Review { request }) = serde_json::from_slice::<Review>(&body) else {
        return (StatusCode::BAD_REQUEST, "this is not an AdmissionReview\n").into_response();
    };
    drop(body);
    let uid = request.uid.clone();
    let answer = webhook.answer(request, begun).await;
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
    /// The body, once there is a place for it.
    async fn read(&self, body: Body, begun: Instant) -> Result<Bytes, (StatusCode, &'static str)> {
        let place = place(begun, &self.readers).await;
        let _place =
            place.ok_or((StatusCode::SERVICE_UNAVAILABLE, "too many objects are being checked\n"))?;
        match tokio::time::timeout(READ_WITHIN.min(time_left(begun)), axum::body::to_bytes(body, LONGEST))
            .await
        {
            Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the request did not come in time\n")),
            Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "the request is too long\n")),
            Ok(Ok(body)) => Ok(body),
        }
    }

    async fn answer(&self, request: Request, begun: Instant) -> Answer {
        let Request { name, namespace, operation, object, old_object, .. } = request;
        let text = |object: Option<Object>| object.and_then(|object| object.spec);
        let (spec, before) = (text(object), text(old_object));
        let is_same =
            before.is_some() && before.as_deref().map(RawValue::get) == spec.as_deref().map(RawValue::get);
        // The whole of both must not stay in memory while this one waits for its place.
        drop(before);
        let spec = SpecText::of(spec.as_deref().map_or("null", RawValue::get));
        match operation.as_str() {
            "DELETE" => return Answer::Allowed { warnings: Vec::new() },
            // A change of labels, or of finalizers, must be possible also for an object that is not valid any more.
            "UPDATE" if is_same => return Answer::Allowed { warnings: Vec::new() },
            "CREATE" | "UPDATE" => {}
            other => return denied(format!("`{}` is not known here", cut(other, 32))),
        }
        if name.is_empty() {
            return denied(
                "metadata.name: it is missing; a route has a name of its own, and not a generated one"
                    .to_owned(),
            );
        }
        let (Some(own), Some(place)) =
            (place(begun, self.places_of(&namespace)).await, place(begun, &self.places).await)
        else {
            return not_ready("the operator is not ready: too many objects are being checked");
        };
        // What is known is looked at only now: while a request waits for its place, it holds no list.
        let (known, objects) = match self.known_objects() {
            Ok(known) => known,
            Err(answer) => return answer,
        };
        let key = RouteKey { namespace, name };
        let now = self.clock.now();
        let checked = tokio::task::spawn_blocking(move || {
            let _places = (own, place);
            let spec = spec.read().map_err(|fault| Refusal::Invalid(vec![fault]))?;
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

    /// The last complete build, and all objects as they are now; or the answer, if one of them is not known.
    fn known_objects(&self) -> Result<(Arc<Known>, CompleteList), Answer> {
        if self.watched.broken_for().is_some_and(|broken| broken > BROKEN_FOR) {
            return Err(not_ready(
                "the operator is not ready: it cannot watch the routes of the cluster, so what it knows is old",
            ));
        }
        let objects = self.watched.gathered(|seen| seen.complete());
        let known = self.known.load_full();
        let why = match (&*known, objects) {
            (Ok(known), Some(objects)) => return Ok((Arc::clone(known), objects)),
            (Ok(_), None) => NOT_KNOWN_YET,
            (Err(why), _) => why.as_str(),
        };
        Err(not_ready(&format!("the operator is not ready: {why}")))
    }

    fn places_of(&self, namespace: &str) -> &Arc<Semaphore> {
        let mut hasher = DefaultHasher::new();
        namespace.hash(&mut hasher);
        let count = u64::try_from(self.namespaces.len()).unwrap_or(1);
        let own = hasher.finish().checked_rem(count).and_then(|number| usize::try_from(number).ok());
        // There is always one with this number.
        own.and_then(|number| self.namespaces.get(number)).unwrap_or(&self.places)
    }
}

/// A place, if there is one while the request that came at `begun` can still be answered.
async fn place(begun: Instant, places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    tokio::time::timeout(time_left(begun), Arc::clone(places).acquire_owned()).await.ok()?.ok()
}

fn time_left(begun: Instant) -> Duration {
    ANSWERED_WITHIN.saturating_sub(begun.elapsed())
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
    use serde_json::Value;

    use super::*;

    fn webhook() -> Webhook {
        Webhook::new(WatchedRoutes::default(), Clock::from_fn(|| 0), Figures::default())
    }

    fn object(spec: &Value) -> Option<Object> {
        Some(Object { spec: Some(serde_json::value::to_raw_value(spec).unwrap()) })
    }

    fn request(operation: &str, name: &str, spec: Value, before: Value) -> Request {
        Request {
            uid: "u".into(),
            name: name.into(),
            namespace: "payments".into(),
            operation: operation.into(),
            object: object(&spec),
            old_object: object(&before),
        }
    }

    #[tokio::test]
    async fn without_a_complete_list_everything_is_denied_as_not_ready() {
        for operation in ["CREATE", "UPDATE"] {
            let answer =
                webhook().answer(request(operation, "pay", json!({"a": 1}), json!({})), Instant::now()).await;
            assert!(
                matches!(&answer, Answer::Denied { code: 503, message, .. } if message.contains("not ready")),
                "{answer:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_change_beside_the_spec_and_a_removal_are_always_allowed() {
        let same = request("UPDATE", "pay", json!({"a": 1}), json!({"a": 1}));
        assert_eq!(webhook().answer(same, Instant::now()).await, Answer::Allowed { warnings: vec![] });
        let gone = request("DELETE", "pay", json!(null), json!({"a": 1}));
        assert_eq!(webhook().answer(gone, Instant::now()).await, Answer::Allowed { warnings: vec![] });
        let unnamed = webhook().answer(request("CREATE", "", json!({}), json!(null)), Instant::now()).await;
        assert!(matches!(&unnamed, Answer::Denied { code: 422, .. }), "{unnamed:?}");
    }

    #[tokio::test]
    async fn only_removals_are_allowed_unchecked() {
        for operation in ["CONNECT", "", "update", "PATCH"] {
            let answer = webhook()
                .answer(request(operation, "pay", json!({"a": 1}), json!({"a": 1})), Instant::now())
                .await;
            assert!(matches!(&answer, Answer::Denied { code: 422, .. }), "{operation}: {answer:?}");
        }
    }

    /// What is nested too deeply gets an answer, and can be repaired and relabelled.
    #[tokio::test]
    async fn a_deep_object_is_a_review_like_any_other() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        for (operation, object, old, is_allowed) in [
            ("UPDATE", &deep, &deep, true),
            ("CREATE", &deep, &"null".to_owned(), false),
            ("UPDATE", &"{}".to_owned(), &deep, false),
        ] {
            let review = format!(
                "{{\"request\":{{\"uid\":\"u\",\"name\":\"a\",\"namespace\":\"b\",\"operation\":\"{operation}\",\"object\":{{\"spec\":{object}}},\"oldObject\":{{\"spec\":{old}}}}}}}"
            );
            let answer = validate(State(webhook()), Body::from(review)).await;
            assert_eq!(answer.status(), StatusCode::OK);
            let body = axum::body::to_bytes(answer.into_body(), LONGEST).await.unwrap();
            let answer: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(answer["response"]["allowed"], is_allowed, "{operation}: {answer}");
        }
    }

    /// Long bodies are not read before there is a place for them, and slow ones are given up.
    #[tokio::test]
    async fn a_request_has_a_place_before_its_body_is_read() {
        let webhook = webhook();
        let long = validate(State(webhook.clone()), Body::from(vec![b' '; LONGEST + 1])).await;
        assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let never = || Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(validate(State(webhook.clone()), never()).await.status(), StatusCode::REQUEST_TIMEOUT);
        let taken: Vec<_> =
            (0..READ_AT_ONCE).map(|_| Arc::clone(&webhook.readers).try_acquire_owned().unwrap()).collect();
        let body = Body::from("{}");
        assert_eq!(validate(State(webhook.clone()), body).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(taken);
        assert_eq!(validate(State(webhook), Body::from("{}")).await.status(), StatusCode::BAD_REQUEST);
    }

    /// The API server gives up after 10 s, and then nobody reads what the webhook says: all waits of one request end before that.
    #[tokio::test]
    async fn one_request_waits_for_all_of_its_places_together() {
        let webhook = webhook();
        let all = Arc::clone(&webhook.places).try_acquire_many_owned(2).unwrap();
        let readers = u32::try_from(READ_AT_ONCE).unwrap();
        let reading = Arc::clone(&webhook.readers).try_acquire_many_owned(readers).unwrap();
        let begun = Instant::now().checked_sub(ANSWERED_WITHIN - Duration::from_millis(50)).unwrap();
        let answered = webhook.read(Body::empty(), begun).await;
        assert!(matches!(answered, Err((StatusCode::SERVICE_UNAVAILABLE, _))), "{answered:?}");
        drop(reading);
        let late =
            webhook.read(Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>()), begun);
        assert!(matches!(
            late.await,
            Err((StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT, _))
        ));
        let answer = webhook.answer(request("CREATE", "pay", json!({"a": 1}), json!({})), begun).await;
        assert!(format!("{answer:?}").contains("too many objects are being checked"), "{answer:?}");
        drop(all);
        assert!(begun.elapsed() < ANSWERED_WITHIN + Duration::from_secs(1), "{:?}", begun.elapsed());
        assert!(ANSWERED_WITHIN < Duration::from_secs(10));
    }

    /// What is known grows old when the cluster cannot be watched: a name or a match may be taken since.
    #[tokio::test]
    async fn what_is_known_is_not_used_when_it_is_old() {
        use super::super::gather::Event;
        let watched = WatchedRoutes::default();
        let webhook = Webhook::new(watched.clone(), Clock::from_fn(|| 0), Figures::default());
        watched.gathered(|seen| seen.note(Event::Begin));
        watched.gathered(|seen| seen.note(Event::Complete));
        assert!(watched.broken_for().is_none());
        let before = |time: Duration| Instant::now().checked_sub(time).unwrap();
        watched.break_with("no answer", before(BROKEN_FOR / 2));
        let answer =
            webhook.answer(request("CREATE", "pay", json!({"a": 1}), json!({})), Instant::now()).await;
        assert!(!format!("{answer:?}").contains("what it knows is old"), "{answer:?}");
        watched.mend();
        watched.break_with("no answer", before(BROKEN_FOR * 2));
        // Another reason does not change since when it is broken.
        watched.break_with("another reason", before(Duration::ZERO));
        assert!(watched.broken_for().unwrap() > BROKEN_FOR);
        let answer =
            webhook.answer(request("CREATE", "pay", json!({"a": 1}), json!({})), Instant::now()).await;
        assert!(
            matches!(&answer, Answer::Denied { code: 503, message, .. } if message.contains("what it knows is old")),
            "{answer:?}"
        );
        watched.mend();
        assert!(watched.broken_for().is_none());
    }
}
