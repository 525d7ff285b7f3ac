//! Those who have a good warrant, or a stolen key, and want more than it gives.

use ledger::entry::{Digest, Issued};
use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::offline_ledger;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::shipped::GATE;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{HOST, Setup, World};
use serde_json::json;
use warrant::PresentedWarrant;

use crate::bundles::Signers;

/// A world whose bundle was changed before its start. The gate is left out where it would answer before the server.
async fn world(with_gate: bool, change: impl FnOnce(UnsignedBundle) -> UnsignedBundle) -> World {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    Signers::of(&home).publish(&change(UnsignedBundle::of(&home).version(2)));
    let setup = if with_gate {
        Setup::default()
    } else {
        Setup { change: |shipped| shipped.without(GATE), ..Setup::default() }
    };
    setup.start_in(directory, home).await
}

/// The payments' own host, which only the payments' own proxy serves, with a route for it.
fn with_payments(bundle: UnsignedBundle) -> UnsignedBundle {
    let mut bundle = bundle
        .edit("proxies.json", |proxies| {
            let hosts = json!({"payments.demo": ["payments.demo:8080"]});
            let payments = json!({"id": "spiffe://demo/ns/demo/sa/payments", "hosts": hosts});
            proxies["spec"].as_array_mut().unwrap().push(payments);
        })
        .edit("teams.json", |teams| {
            let ground = teams["spec"]["demo"]["ground"].as_array_mut().unwrap();
            ground.push(json!({"host": "payments.demo", "prefix": "/"}));
        });
    let mut route: serde_json::Value =
        serde_json::from_slice(&bundle.files["routes/demo/hello.json"]).unwrap();
    route["metadata"]["name"] = "payments".into();
    route["spec"]["match"][0]["hosts"] = json!(["payments.demo"]);
    bundle.files.insert("routes/demo/payments.json".to_owned(), serde_json::to_vec(&route).unwrap());
    bundle
}

#[tokio::test]
async fn another_services_host_cannot_be_asked_for_at_a_proxy_that_does_not_serve_it() {
    for with_gate in [true, false] {
        let world = world(with_gate, with_payments).await;
        let warrant = world.agent.warrant(&WarrantSpec { host: "payments.demo".into(), ..hello() });
        let ask = |host: &str| world.agent.present(&warrant, ClientRequest::new("GET", host, "/hello/you"));
        for host in ["payments.demo", "payments.demo:8080", "PAYMENTS.demo"] {
            world.denies(&ask(host), 421, "target-mismatch").await;
        }
        if !with_gate {
            // Nothing else was wrong with these requests: they pass when this proxy serves that host.
            let moved = UnsignedBundle::of(&world.home).version(3).edit("proxies.json", |proxies| {
                let payments = proxies["spec"].as_array_mut().unwrap().pop().unwrap();
                proxies["spec"][0]["hosts"]["payments.demo"] = payments["hosts"]["payments.demo"].clone();
            });
            Signers::of(&world.home).publish(&moved);
            world.server.wait_for_bundle_state("version 3 (sha256:").await;
            world.allows(&ask("payments.demo:8080")).await;
        }
        world.end().await;
    }
}

#[tokio::test]
async fn a_child_that_its_delegator_names_admin_is_nobody_but_its_key() {
    let world = world(true, |bundle| {
        bundle.edit("routes/demo/hello.json", |hello| hello["spec"]["callers"] = json!(["agent:admin"]))
    })
    .await;
    let admin = WarrantSpec { holder: "agent:admin".into(), ..hello() };
    world.allows(&world.agent.request(&admin, "GET", "/hello/you")).await;

    let root = world.agent.warrant(&WarrantSpec { max_depth: 1, ..hello() });
    let key = TestKey::stranger(Algorithm::Ed25519, 9);
    let chain =
        world.agent.delegate(&root, &WarrantSpec { max_depth: 1, lifetime: 50, ..admin.clone() }, &key);
    let child = Agent { holder: key, ..world.agent.clone() };
    let request = child.present(&chain, ClientRequest::new("GET", HOST, "/hello/you"));
    world.denies(&request, 403, "policy-denied").await;
    world.end().await;
}

#[tokio::test]
async fn once_only_leaves_of_an_unlimited_root_do_not_pass_where_the_route_wants_once() {
    let world = World::start().await;
    let errand = |uses, max_depth, lifetime| WarrantSpec {
        methods: vec!["POST".into()],
        path: "/errands/**".into(),
        uses,
        max_depth,
        lifetime,
        ..hello()
    };
    let key = TestKey::stranger(Algorithm::Ed25519, 9);
    let child = Agent { holder: key.clone(), ..world.agent.clone() };
    let ask = |root: Option<u32>| {
        let root = world.agent.warrant(&errand(root, 1, 60));
        let leaf = world.agent.delegate(&root, &errand(Some(1), 1, 50), &key);
        child.present(&leaf, ClientRequest::new("POST", HOST, "/errands/one"))
    };
    for _ in 0..3 {
        world.denies(&ask(None), 403, "use-too-wide").await;
    }
    world.allows(&ask(Some(1))).await;
    world.end().await;
}

#[tokio::test]
async fn a_root_by_a_stolen_authority_key_is_not_issued_also_under_the_name_of_one_that_is() {
    let mut world = world(true, |bundle| {
        bundle.edit("routes/demo/hello.json", |hello| hello["spec"]["require"]["issued"] = true.into())
    })
    .await;
    let good = world.agent.warrant(&hello());
    let ask = |warrant: &str| world.agent.present(warrant, ClientRequest::new("GET", HOST, "/hello/you"));
    world.denies(&ask(&good), 403, "not-issued").await;

    // Until this server issues roots itself, the test puts one into its record.
    world.server.process.stop().await;
    record_as_issued(&world.home, &good);
    world.server = Server::start(&world.home).await;
    world.allows(&ask(&good)).await;

    // The thief has the authority's key, and knows every claim of the good root.
    let authority = &world.agent.authority;
    let same_name = Agent::forge(&good, authority, |claims| {
        claims["authorization_details"][0]["paths"][0] = "/**".into()
    });
    world.denies(&ask(&same_name), 403, "not-issued").await;
    world.denies(&ask(&world.agent.warrant(&hello())), 403, "not-issued").await;
    world.allows(&ask(&good)).await;
    LedgerAuditor::new(&world.home, world.directory()).audit(world.home.file("ledger"), &[]).expect_holds();
    world.end().await;
}

/// Writes `issued/1` about this root into the ledger of a server that does not run.
fn record_as_issued(home: &Home, warrant: &str) {
    let ledger = offline_ledger::open(home);
    let presented = PresentedWarrant::parse(warrant.as_bytes()).unwrap();
    let root = &presented.unverified_claims().unwrap()[0];
    let entry = Issued {
        by: "local".into(),
        cnf: root.cnf().thumbprint().to_string(),
        details: Digest::of(b"details"),
        exp: root.times().exp.get(),
        grants: vec!["test".into()],
        iat: root.times().iat.get(),
        id: "issued-by-the-test".into(),
        ini: None,
        iss: root.iss().to_owned(),
        jti: root.jti().to_owned(),
        policy: None,
        root: presented.digests().next().unwrap(),
        roots: 0,
        sub: root.sub().to_owned(),
        token: None,
        token_exp: None,
        txn: root.as_root().unwrap().txn().to_owned(),
        r#use: None,
    };
    ledger.append(entry.into()).unwrap();
    ledger.close();
}
