//! Tests of whole rounds against an API server in memory, which knows one ConfigMap: what is signed, kept and published when the
//! ConfigMap is old, the clock goes on, or a new base cannot be signed over. And of how the operator gets ready and ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use policy::authoring::Grounds;
use serde_json::{Value, json};
use tokio::time::Instant;
use warrant::Seconds;

use super::super::base::{OpenedBase, SignedBase};
use super::super::config::{BaseConfig, BasePlace, ClusterConfig, ListenConfig};
use super::super::gather::{Event, SeenObject};
use super::super::objects::{RouteKey, RouteObject, SpecText};
use super::super::pace::Pace;
use super::super::servers::{InForce, ServerReport};
use super::super::signing::Pair;
use super::super::tests::signing::key;
use super::super::tests::{QUOTA, SIGNER, base_files, base_parcel, opened, route};
use super::*;
use crate::policy_fixture::{NOW, TestKey, edit, trust};

/// A ConfigMap, and whether the API server answers.
#[derive(Clone, Default)]
struct Api(Arc<(Mutex<Option<Value>>, AtomicU64, AtomicBool)>);

impl Api {
    fn router(&self) -> Router {
        Router::new()
            .route("/api/v1/namespaces/{namespace}/configmaps", post(create))
            .route("/api/v1/namespaces/{namespace}/configmaps/{name}", get(read).put(create))
            .with_state(self.clone())
    }

    fn stored(&self) -> Option<Value> {
        self.0.0.lock().unwrap().clone()
    }

    fn store(&self, mut object: Value) -> Value {
        let version = self.0.1.fetch_add(1, Ordering::Relaxed);
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        *self.0.0.lock().unwrap() = Some(object.clone());
        object
    }

    fn is_down(&self, is_down: bool) {
        self.0.2.store(is_down, Ordering::Relaxed);
    }
}

fn failure(code: StatusCode) -> Response {
    let reason = match code {
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::CONFLICT => "Conflict",
        _ => "InternalError",
    };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason, "reason": reason, "code": code.as_u16()});
    (code, Json(status)).into_response()
}

async fn read(State(api): State<Api>) -> Response {
    match api.stored() {
        _ if api.0.2.load(Ordering::Relaxed) => failure(StatusCode::INTERNAL_SERVER_ERROR),
        Some(object) => Json(object).into_response(),
        None => failure(StatusCode::NOT_FOUND),
    }
}

async fn create(State(api): State<Api>, Json(object): Json<Value>) -> Response {
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    match api.stored() {
        Some(stored) if version(&stored) != version(&object) => failure(StatusCode::CONFLICT),
        Some(_) | None => Json(api.store(object)).into_response(),
    }
}

struct Process {
    operator: Operator,
    now: Arc<AtomicU64>,
    base: watch::Sender<Option<SignedBase>>,
    leads: watch::Sender<Option<Instant>>,
    _changed: watch::Sender<u64>,
}

impl Process {
    fn new(api: &Api, now: u64) -> Process {
        let now = Arc::new(AtomicU64::new(now));
        let read = Arc::clone(&now);
        let clock = Clock::from_fn(move || read.load(Ordering::Relaxed).saturating_mul(1000));
        let client = Client::new(api.router(), "portcullis");
        let nowhere = "127.0.0.1:0".parse().unwrap();
        let config = Config {
            audience: "shop".into(),
            base: BaseConfig {
                place: BasePlace::Archive("/".into()),
                trust: trust(1, &[10]),
                min_version: 0,
            },
            routes_key: Some(key()),
            cluster: ClusterConfig {
                namespace: "portcullis".into(),
                lease: "l".into(),
                config_map: "c".into(),
            },
            listen: ListenConfig { bundle: nowhere, health: nowhere, webhook: None },
            quota: QUOTA,
            lifetime: 900,
            servers: Vec::new(),
        };
        let demands = Demands {
            trust: trust(1, &[10]),
            audience: "shop".into(),
            min_version: 0,
            floor: Arc::default(),
            clock: clock.clone(),
        };
        let (base, base_known) = watch::channel(None);
        let (leads, leadership) = watch::channel(Instant::now().checked_add(Duration::from_secs(3600)));
        let (changed, objects) = watch::channel(0);
        let (watched, figures) = (WatchedRoutes::default(), Figures::default());
        let operator = Operator {
            store: StateStore::new(client.clone(), "portcullis", "c"),
            webhook: Webhook::new(watched.clone(), clock.clone(), figures.clone()),
            fetcher: Fetcher::new().unwrap(),
            published: Published::default(),
            complaints: Complaints::default(),
            leadership: Leadership::new(leadership),
            base: base_known,
            known: Round::default(),
            config,
            client,
            clock,
            demands,
            watched,
            figures,
            objects,
        };
        let process = Process { operator, now, base, leads, _changed: changed };
        process.offer_base(1, SIGNER);
        for event in [Event::Begin, Event::Complete] {
            process.operator.watched.gathered(|seen| seen.note(event));
        }
        process.apply("pay");
        process
    }

    fn offer_base(&self, version: u64, signer: u8) {
        let mut files = base_files();
        edit(&mut files, "mesh.yaml", &TestKey::new(SIGNER).jwk(), &TestKey::new(signer).jwk());
        edit(&mut files, "mesh.yaml", "maxAge: 24h", "maxAge: 60s");
        let parcel = base_parcel(&files, version);
        let base = opened(&parcel);
        let grounds = Grounds::of(&base).unwrap();
        let opened = Arc::new(OpenedBase { parcel, base, grounds });
        self.base.send_replace(Some(SignedBase { opened, note: None, offered: None }));
    }

    fn has_published_over(&self, version: u64) -> bool {
        let operator = &self.operator;
        operator.published.has_current_bundle()
            && operator.known.over.as_ref().is_some_and(|over| over.opened.base.version() == version)
    }

    fn leads(&self, leads: bool) {
        let until = Instant::now().checked_add(Duration::from_secs(3600));
        self.leads.send_replace(until.filter(|_| leads));
    }

    fn apply(&self, name: &str) {
        let spec = route(&format!("/v1/payments/{name}"));
        let key = RouteKey { namespace: "payments".into(), name: name.into() };
        let object = RouteObject { key, generation: 1, created: 0, spec: SpecText::of(&spec.to_string()) };
        self.operator
            .watched
            .gathered(|seen| seen.note(Event::Changed(SeenObject { object, conditions: Vec::new() })));
    }

    /// A round after these seconds, without a thought for how often something is signed.
    async fn round_after(&mut self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
        self.operator.known.pace = Pace::default();
        self.operator.round().await;
    }

    fn pair(&self) -> &Pair {
        let complaints = &self.operator.complaints;
        let why = || format!("{:?} {:?}", complaints.state.reason(), complaints.build.reason());
        self.operator.known.pair.as_ref().unwrap_or_else(|| panic!("{}", why()))
    }

    fn version(&self) -> u64 {
        self.pair().bundle.routes_version().unwrap()
    }

    fn note_until(&self) -> Seconds {
        self.pair().note_until.unwrap()
    }
}

#[tokio::test]
async fn the_operator_is_ready_when_it_has_signed_and_says_what_is_missing_before() {
    let mut process = Process::new(&Api::default(), NOW);
    let readiness = |process: &Process| {
        let operator = &process.operator;
        readiness(&operator.config, &operator.watched, &operator.complaints, &operator.published, None)
            .report()
    };
    let before = readiness(&process);
    assert!(
        !before.ready && before.to_json().contains("nothing with a current note is published"),
        "{}",
        before.to_json()
    );
    process.round_after(0).await;
    let after = readiness(&process);
    assert!(after.ready, "{}", after.to_json());
}

#[tokio::test]
async fn an_older_config_map_lowers_no_version() {
    let api = Api::default();
    let mut process = Process::new(&api, NOW);
    process.round_after(0).await;
    assert_eq!(process.version(), NOW);
    let old = api.stored().unwrap();
    process.apply("more");
    process.round_after(5).await;
    assert_eq!(process.version(), NOW + 5);
    // Somebody restores the older one. This process follows for a moment, then leads again.
    api.store(old.clone());
    process.leads.send_replace(None);
    process.operator.known.stored_at = None;
    process.round_after(1).await;
    assert_eq!(process.version(), NOW + 5, "it goes on publishing what it knows");
    process.leads.send_replace(Instant::now().checked_add(Duration::from_secs(3600)));
    process.round_after(0).await;
    assert!(process.version() > NOW + 5, "a new leader signs afresh");
    assert_eq!(process.pair().content.routes.files.len(), 2);
    // Another process begins with the older one, and the API server fails at first.
    api.store(old);
    api.is_down(true);
    let mut other = Process::new(&api, NOW + 7);
    other.apply("more");
    other.round_after(0).await;
    assert!(other.operator.known.pair.is_none());
    api.is_down(false);
    // A server says what was published.
    let in_force = Some(InForce { base: 1, routes: NOW + 50, until: NOW + 900 });
    other.operator.known.seen.note(vec![ServerReport { in_force, ..ServerReport::default() }]);
    other.round_after(1).await;
    assert_eq!(other.version(), NOW + 51, "above what a server has");
    other.round_after(1).await;
    assert_eq!(other.version(), NOW + 51, "once is enough");
}

#[tokio::test]
async fn a_new_leader_signs_once_after_it_could_read_what_was_signed() {
    let api = Api::default();
    let mut first = Process::new(&api, NOW);
    first.round_after(0).await;
    api.is_down(true);
    let mut second = Process::new(&api, NOW + 3);
    second.round_after(0).await;
    api.is_down(false);
    second.round_after(1).await;
    assert_eq!(second.version(), NOW + 4);
    second.round_after(5).await;
    assert_eq!(second.version(), NOW + 4);
}

#[tokio::test]
async fn a_base_over_which_nothing_can_be_signed_lets_nothing_run_out() {
    let api = Api::default();
    let mut process = Process::new(&api, NOW);
    process.round_after(0).await;
    assert_eq!(process.note_until(), Seconds::new(NOW + 60));
    // The new base names another key.
    process.offer_base(2, 41);
    for _ in 0..3 {
        process.round_after(40).await;
    }
    assert!(process.operator.complaints.build.reason().unwrap().contains("cannot sign the routes"));
    assert_eq!((process.version(), process.note_until()), (NOW, Seconds::new(NOW + 180)));
    let published = process.operator.known.published.as_ref().unwrap();
    assert_eq!(published.base, process.pair().bundle.base().digest());
    // Repaired, the routes are signed over the newest base.
    process.offer_base(3, SIGNER);
    process.round_after(1).await;
    assert_eq!(process.pair().bundle.version(), 3);
}

/// Each pod reads the base itself. One that starts with a new base waits for the leader, and the leader does not wait for it.
#[tokio::test]
async fn a_new_base_comes_into_force_whichever_process_has_it_first() {
    let api = Api::default();
    let (mut leader, mut follower) = (Process::new(&api, NOW), Process::new(&api, NOW));
    follower.leads(false);
    leader.round_after(0).await;
    follower.round_after(3).await;
    assert!(leader.has_published_over(1) && follower.has_published_over(1));
    // The follower, and a process that has just started, have the new base before the leader has it.
    let mut started = Process::new(&api, NOW + 3);
    started.leads(false);
    for process in [&follower, &started] {
        process.offer_base(2, SIGNER);
    }
    for process in [&mut leader, &mut follower, &mut started] {
        process.operator.known.stored_at = None;
        process.round_after(3).await;
    }
    assert!(leader.has_published_over(1) && follower.has_published_over(1), "what is in force stays");
    assert!(!started.operator.published.has_current_bundle(), "nothing is signed over what it has");
    // The leader reads the same file a moment later.
    leader.offer_base(2, SIGNER);
    leader.round_after(1).await;
    assert!(leader.has_published_over(2));
    for process in [&mut follower, &mut started] {
        process.operator.known.stored_at = None;
        process.round_after(1).await;
        assert!(process.has_published_over(2));
        assert_eq!(process.pair().content, leader.pair().content);
    }
}

#[tokio::test]
async fn changes_that_come_too_fast_wait_and_their_note_is_renewed() {
    let api = Api::default();
    let mut process = Process::new(&api, NOW);
    process.round_after(0).await;
    process.apply("more");
    process.now.fetch_add(40, Ordering::Relaxed);
    process.operator.round().await;
    assert_eq!((process.version(), process.note_until()), (NOW, Seconds::new(NOW + 100)));
    process.round_after(1).await;
    assert_eq!(process.version(), NOW + 41);
}

#[tokio::test]
async fn the_operator_stops_when_one_part_of_it_ends() {
    let never = || named("never", std::future::pending::<()>());
    for ends_in_tasks in [true, false] {
        let (mut tasks, mut endless) = (JoinSet::new(), JoinSet::new());
        tasks.spawn(never());
        endless.spawn(never());
        let ending = if ends_in_tasks { &mut tasks } else { &mut endless };
        ending.spawn(named("the watch", async {}));
        assert!(one_ended(&mut tasks, &mut endless).await.to_string().starts_with("the watch has ended"));
    }
    let (mut tasks, mut endless) = (JoinSet::new(), JoinSet::new());
    endless.spawn(never());
    tasks.spawn(named("x", async { panic!("a fault") }));
    assert!(one_ended(&mut tasks, &mut endless).await.to_string().contains("has failed"));
}
