//! Requests that were allowed and still run: the server judges them again when what allowed them changes, and tells every proxy
//! which must end. Here a client takes the place of a proxy and of its filter.

use std::time::{Duration, Instant};

use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::attestor::{Attestor, build};
use portcullis_tests::certificates::{A_DAY, Root};
use portcullis_tests::client::{ClientRequest, get};
use portcullis_tests::condition::until;
use portcullis_tests::direct_check::{ProxyConnection, Source, check, framed};
use portcullis_tests::offline_ledger;
use portcullis_tests::operator::{attest, call_api, done};
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::{UnsignedBundle, now};
use portcullis_tests::statement_poller::StatementPoller;
use portcullis_tests::world::{HOST, World};
use serde_json::{Value, json};
use tempfile::TempDir;
use warrant::Denial;

use crate::bundles::Signers;

const WORKLOAD: &str = "spiffe://demo/ns/demo/sa/worker";
const HELLO: &str = "routes/demo/hello.json";

struct Scene {
    home: Home,
    server: Server,
    agent: Agent,
    bundle: UnsignedBundle,
    filter: StatementPoller,
    _directory: TempDir,
}

impl Scene {
    async fn start() -> Scene {
        let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
        let home = Home::init(directory.path(), &[]);
        let bundle = with_routes(UnsignedBundle::of(&home)).version(2);
        Signers::of(&home).publish(&bundle);
        let server = Server::start(&home).await;
        let filter = StatementPoller::of(&home).await;
        Scene { agent: Agent::at(&home), server, filter, bundle, home, _directory: directory }
    }

    /// Ends the server at once, starts it again, and polls it like a filter that holds what it held.
    async fn restart(&mut self) {
        self.server.process.kill();
        self.server = Server::start(&self.home).await;
        let mut filter = StatementPoller::of(&self.home).await;
        std::mem::swap(&mut filter, &mut self.filter);
        let again = StatementPoller::of(&self.home).await;
        self.filter = again.holding(filter.held().clone());
    }

    /// A request that the server allows, and that never ends.
    async fn runs(&self, request: &ClientRequest) {
        assert_eq!(check(&self.home.socket(), Source::default(), request).await, None);
    }

    fn request(&self, path: &str) -> ClientRequest {
        let content = WarrantSpec { path: format!("{path}/**"), ..hello() };
        self.agent.request(&content, "GET", &format!("{path}/you"))
    }

    async fn hello_runs(&self) {
        self.runs(&self.request("/hello")).await;
    }

    async fn publish(&mut self, version: u64, change: impl FnOnce(UnsignedBundle) -> UnsignedBundle) {
        let bundle = change(self.bundle.clone()).version(version);
        Signers::of(&self.home).publish(&bundle);
        self.server.wait_for_bundle_state(&format!("version {version} (sha256:")).await;
    }

    async fn states(&self, name: &str, statement: String) {
        let answer =
            call_api(&self.home, "POST", &format!("/v1/{name}"), &json!({"statement": statement})).await;
        assert!(matches!(answer.0, 200 | 201), "{answer:?}");
    }

    async fn metrics(&self) -> String {
        get(self.server.health(), "/metrics").await.expect("it runs").text()
    }
}

/// Adds routes to the sample: one that depends on a condition, one that depends on an attestation, and one without a warrant.
fn with_routes(mut bundle: UnsignedBundle) -> UnsignedBundle {
    let mut add = |name: &str, path: &str, mut spec: Value| {
        spec["match"] = json!([{"hosts": ["localhost"], "methods": ["GET"], "paths": [path]}]);
        bundle.add_route(name, spec);
    };
    let require = |holder: &str, name: &str, further: Value| {
        let mut require = json!({"holder": holder, "use": "any", "maxLifetime": "5m"});
        require[name] = further;
        require
    };
    let window = |age: &str| json!([{"name": "change-window", "equals": "open", "maxAge": age}]);
    for (name, age) in [("window", "5m"), ("short", "2s")] {
        let spec = json!({"require": require("proof", "conditions", window(age)), "callers": ["agent:demo"]});
        add(name, &format!("/{name}/**"), spec);
    }
    let attested = require("mtls", "attestation", json!({"maxAge": "5m"}));
    add("attested", "/attested/**", json!({"require": attested, "callers": ["any-holder"]}));
    add("probe", "/probe/**", json!({"ungoverned": {"reason": "probes", "until": "2036-01-01T00:00:00Z"}}));
    let bundle = bundle.edit("teams.json", |teams| teams["spec"]["demo"]["platform"] = true.into());
    bundle.edit("teams.json", |teams| {
        teams["spec"]["demo"].as_object_mut().unwrap().remove("ground");
    })
}

fn nobody_calls(route: &mut Value) {
    route["spec"]["callers"] = json!(["agent:nobody"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_policy_ends_what_it_forbids_and_not_what_needs_no_warrant() {
    let mut scene = Scene::start().await;
    scene.hello_runs().await;
    scene.runs(&ClientRequest::new("GET", HOST, "/probe/you")).await;
    scene.filter.poll(0).await;
    assert_eq!(scene.filter.ended(), []);
    scene.publish(3, |bundle| bundle.edit(HELLO, nobody_calls)).await;
    assert_eq!(scene.filter.until_ended(1).await, [Denial::PolicyDenied]);
    scene.publish(4, |bundle| bundle).await;
    scene.hello_runs().await;
    scene.filter.poll(0).await;
    assert_eq!(scene.filter.ended(), [Denial::PolicyDenied], "it stays listed, and a new one is not");
    let metrics = scene.metrics().await;
    for line in [
        "portcullis_forwards_running 3",
        "portcullis_forwards_to_end 1",
        "portcullis_forwards_ended_total{code=\"policy-denied\"} 1",
    ] {
        assert!(metrics.contains(&format!("{line}\n")), "{line}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_negative_attestation_ends_what_its_workload_runs() {
    let mut scene = Scene::start().await;
    let attestor = Attestor::of(&scene.home);
    scene.states("attestations", attestor.about(WORKLOAD, &build(1), 5, |_| {})).await;
    let root = Root::new("one");
    let certificate = root.issue(&[WORKLOAD], A_DAY).certificate;
    let content = WarrantSpec { holder: WORKLOAD.to_owned(), path: "/attested/**".to_owned(), ..hello() };
    let request =
        ClientRequest::new("GET", HOST, "/attested/you").with("warrant", scene.agent.warrant(&content));
    let source = Source { principal: WORKLOAD, certificate: &certificate, ..Source::default() };
    assert_eq!(check(&scene.home.socket(), source, &request).await, None);
    scene.hello_runs().await;
    scene.states("attestations", attestor.about(WORKLOAD, &build(1), 3, |_| {})).await;
    scene.filter.poll(0).await;
    assert_eq!(scene.filter.ended(), []);
    let negative = |claims: &mut Value| claims["status"] = "negative".into();
    scene.states("attestations", attestor.about(WORKLOAD, &build(1), 1, negative)).await;
    assert_eq!(scene.filter.until_ended(1).await, [Denial::AttestationInvalid]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_ends_what_read_it_when_it_turns_and_at_the_moment_when_it_is_too_old() {
    let mut scene = Scene::start().await;
    let attestor = Attestor::of(&scene.home);
    let stated = now();
    scene.states("conditions", attestor.condition("change-window", "open", 0)).await;
    scene.runs(&scene.request("/window")).await;
    scene.runs(&scene.request("/short")).await;
    assert_eq!(scene.filter.until_ended(1).await, [Denial::ConditionUnmet]);
    // An age of 2 s still holds.
    assert!((stated + 3..=stated + 5).contains(&now()), "{stated}: {}", now());
    scene.states("conditions", attestor.condition("change-window", "closed", 0)).await;
    assert_eq!(scene.filter.until_ended(2).await, [Denial::ConditionUnmet; 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halt_and_a_posture_that_a_policy_reads_end_what_they_forbid() {
    let mut scene = Scene::start().await;
    scene.hello_runs().await;
    scene.runs(&ClientRequest::new("GET", HOST, "/probe/you")).await;
    done(&scene.home, &["halt", "--route", "probe"]);
    assert_eq!(scene.filter.until_ended(1).await, [Denial::Halted], "what needs no warrant too");
    let calm = "@id(\"calm\") @reason(\"not now\") @cure(\"wait\")\n\
        forbid (principal, action, resource) when { context.posture == Posture::\"restricted\" };";
    scene
        .publish(3, |mut bundle| {
            bundle.files.insert("mesh.cedar".to_owned(), calm.into());
            bundle
        })
        .await;
    done(&scene.home, &["restrict"]);
    let mut ended = scene.filter.until_ended(2).await;
    ended.sort_unstable_by_key(|denial| denial.code());
    assert_eq!(ended, [Denial::Halted, Denial::PolicyDenied]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_the_first_statement_already_says_what_must_end() {
    let mut scene = Scene::start().await;
    scene.hello_runs().await;
    scene.filter.poll(0).await;
    scene.restart().await;
    scene.filter.poll(0).await;
    assert_eq!(scene.filter.ended(), [], "it may still run");
    // The server ends between the answer to a fact and what follows from it.
    done(&scene.home, &["halt"]);
    scene.restart().await;
    scene.filter.poll(0).await;
    assert_eq!(scene.filter.ended(), [Denial::Halted]);
    assert!(scene.filter.held().statement().judged > 0);
    scene.restart().await;
    scene.filter.poll(0).await;
    assert_eq!(scene.filter.ended(), [Denial::Halted], "and again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_has_ended_does_not_run_any_more() {
    let world = World::start().await;
    let running = async |count: usize| {
        let metrics = get(world.server.health(), "/metrics").await.expect("it runs").text();
        metrics.contains(&format!("portcullis_forwards_running {count}\n")).then_some(())
    };
    let stream = world.agent.request(&hello(), "GET", "/hello/stream");
    let address = world.envoy.address();
    let client = tokio::spawn(async move { stream.stream(address).await });
    for _ in 0..3 {
        world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    }
    until("the short requests to have ended", async || running(1).await).await;
    client.abort();
    let aborted = Instant::now();
    until("the stream to have ended", async || running(0).await).await;
    assert!(aborted.elapsed() < Duration::from_secs(20), "long before its warrant expires");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_runs_as_many_as_it_may_gets_no_more_until_they_end() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    // Four fifths of what may run in the mesh.
    tokio::task::block_in_place(|| offline_ledger::fill_with_forwards(&home, "local", 80_000));
    // Each is judged again before the server is ready: on two quiet cores that takes 11 s, and beside other tests more than twice as long.
    let server = Server::start_within(&home, Duration::from_secs(120)).await;
    println!("ready {:?} after the start, with 80,000 forwards that run", server.took);
    let request = Agent::at(&home).request(&hello(), "GET", "/hello/you");
    let answer = check(&home.socket(), Source::default(), &request).await;
    assert_eq!(answer.as_deref(), Some(Denial::Overloaded.code()));
    // They cannot be judged again, so all of them must end.
    let mut filter = StatementPoller::of(&home).await;
    filter.poll(0).await;
    assert_eq!(filter.ended().len(), 80_000);
    let steady = filter.poll(100).await;
    assert!(steady <= 2048, "{steady} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_about_something_else_ends_nothing() {
    let mut scene = Scene::start().await;
    let (status, printed) = attest(&scene.home, &["condition", "change-window", "open"]);
    assert_eq!(status, 0, "{printed}");
    scene.runs(&scene.request("/window")).await;
    scene.hello_runs().await;
    let (status, printed) =
        attest(&scene.home, &["workload", WORKLOAD, "--measurement", &build(1), "--negative"]);
    assert_eq!(status, 0, "{printed}");
    done(&scene.home, &["halt", "--route", "pay"]);
    until("the halt to be judged", async || {
        scene.filter.poll(1_000).await;
        (scene.filter.held().statement().judged == scene.filter.held().statement().seq).then_some(())
    })
    .await;
    assert_eq!(scene.filter.ended(), []);
}

/// How many requests run in each round of the measurement, and how many rounds there are.
const RUNNING: usize = 200;
const ROUNDS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_requests_are_listed_soon_after_the_answer_to_the_fact_that_ends_them() {
    let mut scene = Scene::start().await;
    let mut proxy = ProxyConnection::to(&scene.home.socket()).await;
    scene.filter.poll(0).await;
    let mut took = Vec::new();
    for round in 1..=ROUNDS {
        for _ in 0..RUNNING {
            let check = framed(Source::default(), &scene.request("/hello"));
            assert_eq!(proxy.ask(check).await, None);
        }
        let halt = json!({"scope": "route", "subject": "hello", "stance": "halted", "reason": "a drill"});
        let (status, halted) = call_api(&scene.home, "PUT", "/v1/posture", &halt).await;
        assert_eq!(status, 201, "{halted}");
        let answered = Instant::now();
        scene.filter.until_ended(RUNNING * round).await;
        took.push(answered.elapsed());
        done(&scene.home, &["resume", "--route", "hello"]);
    }
    took.sort_unstable();
    println!("{RUNNING} requests listed after the answer to a halt: {took:?}");
    assert!(took.iter().all(|took| *took < Duration::from_secs(5)), "{took:?}");
}
