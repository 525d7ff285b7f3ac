//! A decision that does not hold any more ends its stream: the server judges what runs again, and the statement lists it.

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::attestor::{Attestor, build};
use portcullis_tests::certificates::{A_DAY, Root, put_roots};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::operator::{call_api, done};
use portcullis_tests::signed_bundles::{UnsignedBundle, now};
use portcullis_tests::stream_kinds::StreamKind;
use portcullis_tests::tls_client::TlsClient;
use portcullis_tests::world::{Setup, World};
use serde_json::{Value, json};
use warrant::Denial;

use super::stream_set::{StreamSet, assert_accounted_for};
use super::{patient_home, streaming, streams, two_workers, until_open};
use crate::bundles::Signers;

const WORKLOAD: &str = "spiffe://demo/ns/demo/sa/worker";
/// How long the short condition and the short warrant hold. Meanwhile all streams are opened.
const SHORT: u64 = 12;

/// A world whose clients have certificates, with a route for each reason why a stream may have to end.
struct Scene {
    world: World,
    bundle: UnsignedBundle,
    attestor: Attestor,
    client: TlsClient,
}

impl Scene {
    async fn start() -> Scene {
        let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
        let home = patient_home(&directory);
        let bundle = with_routes(UnsignedBundle::of(&home));
        Signers::of(&home).publish(&bundle.clone().version(2));
        let (root, files) = (Root::new("one"), directory.path().join("listener"));
        std::fs::create_dir(&files).unwrap();
        root.issue(&[], A_DAY).put(&files, "server");
        put_roots(&[&root], &files.join("roots.pem"));
        let client = TlsClient::new(&root, Some(&root.issue(&[WORKLOAD], A_DAY)));
        let setup = Setup { workers: 2, clients: Some(files), ..streaming() };
        let attestor = Attestor::of(&home);
        Scene { world: setup.start_in(directory, home).await, bundle, attestor, client }
    }

    /// Opens one stream of each kind under this route, with one warrant of this lifetime. A workload's certificate takes the
    /// place of a proof.
    async fn open(&self, route: &str, holder: &str, lifetime: u64) -> StreamSet {
        let methods = vec!["GET".into(), "POST".into()];
        let (path, holder) = (format!("/{route}/**"), holder.to_owned());
        let agent = &self.world.agent;
        let warrant = agent.warrant(&WarrantSpec { methods, path, holder, lifetime, ..hello() });
        let present = |_, request: ClientRequest| {
            if route == "attested" {
                request.with("warrant", &warrant)
            } else {
                agent.present(&warrant, request)
            }
        };
        let kinds = StreamKind::ALL.len();
        StreamSet::open(&self.world, Some(&self.client), &format!("/{route}"), kinds, present).await
    }

    async fn states(&self, kind: &str, statement: String) {
        let path = format!("/v1/{kind}");
        let answer = call_api(&self.world.home, "POST", &path, &json!({"statement": statement})).await;
        assert_eq!(answer.0, 201, "{}", answer.1);
    }
}

fn with_routes(bundle: UnsignedBundle) -> UnsignedBundle {
    let require = |holder: &str, name: &str, further: Value| json!({"holder": holder, "use": "any", "maxLifetime": "5m", name: further});
    let window = json!([{"name": "change-window", "equals": "open", "maxAge": format!("{SHORT}s")}]);
    let by_agent = |require| json!({"require": require, "callers": ["agent:demo"], "maxStream": "10m"});
    let mut bundle = bundle;
    for name in ["others", "forbidden", "halted", "short"] {
        bundle = bundle.with_route(name, by_agent(require("proof", "maxDepth", 0.into())));
    }
    let attested = require("mtls", "attestation", json!({"maxAge": "5m"}));
    bundle
        .with_route("window", by_agent(require("proof", "conditions", window)))
        .with_route("attested", json!({"require": attested, "callers": ["any-holder"], "maxStream": "10m"}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_decision_loses_its_ground_by_ends_its_streams_of_all_kinds_and_no_other() {
    let scene = Scene::start().await;
    let world = &scene.world;
    scene.states("attestations", scene.attestor.about(WORKLOAD, &build(1), 5, |_| {})).await;
    let others = scene.open("others", "agent:demo", 300).await;
    let forbidden = scene.open("forbidden", "agent:demo", 300).await;
    let halted = scene.open("halted", "agent:demo", 300).await;
    let attested = scene.open("attested", WORKLOAD, 300).await;
    scene.states("conditions", scene.attestor.condition("change-window", "open", 0)).await;
    let stated = now();
    let stale = scene.open("window", "agent:demo", 300).await;
    let expired = scene.open("short", "agent:demo", SHORT).await;

    let bundle = scene.bundle.clone().version(3).edit("routes/demo/forbidden.json", |route| {
        route["spec"]["callers"] = json!(["agent:other"]);
    });
    Signers::of(&world.home).publish(&bundle);
    let negative = |claims: &mut Value| claims["status"] = "negative".into();
    scene.states("attestations", scene.attestor.about(WORKLOAD, &build(1), 1, negative)).await;
    done(&world.home, &["halt", "--route", "halted"]);
    let mut sets = Vec::new();
    for (ending, denial) in [
        (forbidden, Denial::PolicyDenied),
        (attested, Denial::AttestationInvalid),
        (halted, Denial::Halted),
        (stale, Denial::ConditionUnmet),
        (expired, Denial::Expired),
    ] {
        let count = u64::try_from(ending.len()).unwrap();
        sets.push(ending.ended_by(denial).await);
        until_ended(world, denial.code(), count).await;
    }
    assert!(now() >= stated + SHORT, "they ended before the condition was too old");
    until_open(world, others.len()).await;
    others.assert_untouched();
    sets.push(others.leave(world).await);
    assert_accounted_for(world, &sets).await;
    let request =
        world.agent.request(&WarrantSpec { path: "/others/**".into(), ..hello() }, "GET", "/others/you");
    assert_eq!(world.send_as(&scene.client, &request).await.status, 200);
    scene.world.end().await;
}

/// Waits until the seal has ended so many streams with this code.
async fn until_ended(world: &World, code: &str, count: u64) {
    let name = format!("wasmcustom.portcullis_seal_ended_{}", code.replace('-', "_"));
    world.envoy.until_stat(&name, count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halted_route_ends_its_streams_and_a_halted_issuer_those_under_its_warrants() {
    let world = two_workers().await;
    for (ended, scope) in [(3, ["--route", "hello"]), (6, ["--issuer", "https://authority.demo"])] {
        let running = streams(&world, &world.agent.warrant(&hello()), "/hello/stream", 3);
        until_open(&world, 3).await;
        done(&world.home, &["halt", "--route", "pay"]);
        done(&world.home, &[&["halt"][..], &scope].concat());
        until_open(&world, 0).await;
        for stream in running {
            assert!(stream.await.unwrap().broke_off);
        }
        until_ended(&world, "halted", ended).await;
        let resumed = done(&world.home, &[&["resume"][..], &scope].concat());
        world.until_gates_have(resumed["index"].as_u64().unwrap()).await;
    }
    world.envoy.until_stat("wasmcustom.portcullis_seal_live_streams", 0).await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}
