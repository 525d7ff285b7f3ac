//! Warrants from the server's own authority: who gets one, what for, and that it serves through Envoy as any other.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_tests::agent::hello;
use portcullis_tests::authority::{self, log_in};
use portcullis_tests::client::{ClientRequest, ClientResponse, get};
use portcullis_tests::command::{CommandOutput, portcullis};
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::operator::done;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::{UnsignedBundle, write};
use portcullis_tests::world::{Setup, World};
use serde_json::{Value, json};
use warrant::PresentedWarrant;

use crate::bundles::Signers;

const ISSUER: &str = "https://authority.demo";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

fn printed(words: &[&str]) -> String {
    let CommandOutput { status, out, err } = portcullis(words);
    assert_eq!(status, 0, "{words:?}: {err}");
    out
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// `portcullis request` through the Envoy of this world.
fn request(world: &World, agent: &str, words: &[&str]) -> (i32, String, String) {
    let via = world.envoy.address().to_string();
    let CommandOutput { status, out, err } =
        authority::request(&world.home, agent, &[words, &["--via", &via]].concat());
    (status, out, err)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_gets_a_warrant_delegates_it_and_its_child_is_denied_once_the_root_is_revoked() {
    let world = World::start().await;
    log_in(&world.home, "demo");
    let url = "http://localhost/hello/you";
    let (status, out, err) = request(&world, "agent.yaml", &["GET", url, "--explain"]);
    assert_eq!((status, err.contains("got a warrant that holds for 60 s")), (0, true), "{out} {err}");
    assert!(out.contains("hello"), "{out}");

    // A root that may be delegated, a child of it for another agent, and the child used.
    let root = world.home.file("root.txt");
    let asked = ["GET", url, "--scope", "greetings", "--use", "5", "--max-depth", "1", "--only-warrant"];
    let (status, warrant, err) = request(&world, "agent.yaml", &asked);
    assert_eq!(status, 0, "{err}");
    write(&root, warrant.as_bytes());
    let [own, other] = ["agent.jwk", "other.jwk"].map(|name| world.home.file(name));
    printed(&["key", "new", "--out", text(&other)]);
    let delegate = |more: &[&str]| {
        let parent = format!("@{}", text(&root));
        let words = ["warrant", "delegate", "--key", text(&own), "--warrant", &parent];
        printed(&[&words[..], &["--sub", "agent:other", "--cnf", text(&other)], more].concat())
    };
    let child = delegate(&["--use", "3"]);
    let agent = std::fs::read_to_string(world.home.file("agent.yaml")).unwrap();
    write(&world.home.file("other.yaml"), agent.replace("agent.jwk", "other.jwk").as_bytes());
    // On this route only agent:demo may call; a delegated key is nobody there.
    let (status, _, err) = request(&world, "other.yaml", &["GET", url, "--warrant", &child]);
    assert_eq!((status, err.contains("denied: policy-denied")), (1, true), "{err}");
    let errand = "http://localhost/errands/x";
    let asked = ["POST", errand, "--scope", "errands", "--max-depth", "2", "--only-warrant"];
    let (_, warrant, _) = request(&world, "agent.yaml", &asked);
    write(&root, warrant.as_bytes());
    let (status, _, err) = request(&world, "other.yaml", &["POST", errand, "--warrant", &delegate(&[])]);
    assert_eq!(status, 0, "{err}");

    let (_, warrant, _) = request(&world, "agent.yaml", &asked);
    write(&root, warrant.as_bytes());
    let claims = PresentedWarrant::parse(warrant.trim_end().as_bytes())
        .unwrap()
        .unverified_claims()
        .unwrap()
        .remove(0);
    done(&world.home, &["revoke", "path", claims.jti(), "--iss", ISSUER]);
    let (status, _, err) = request(&world, "other.yaml", &["POST", errand, "--warrant", &delegate(&[])]);
    assert_eq!((status, err.contains("denied: revoked")), (1, true), "{err}");
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    LedgerAuditor::new(&world.home, world.directory()).audit(world.home.file("ledger"), &[]).expect_holds();
    world.end().await;
}

/// A call of the token endpoint over the Unix socket of the API.
async fn token(home: &Home, headers: &[(&str, &str)], form: &[(&str, &str)]) -> ClientResponse {
    let body: String = form.iter().map(|(name, value)| format!("{name}={}&", encoded(value))).collect();
    let mut request = ClientRequest {
        body: body.trim_end_matches('&').to_owned().into(),
        ..ClientRequest::new("POST", "localhost", "/v1/token")
    };
    for (name, value) in headers {
        request = request.with(name, *value);
    }
    request.send_to_socket(&home.api()).await.expect("the API answers")
}

/// Each byte as `%xx`, except letters and digits.
fn encoded(value: &str) -> String {
    let one = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02x}") }
    };
    value.bytes().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_the_status_and_the_words_of_oauth_and_records_nothing() {
    let world = World::start().await;
    let good = log_in(&world.home, "demo");
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let form = ("content-type", "application/x-www-form-urlencoded");
    let exchange = [
        ("grant_type", GRANT_TYPE),
        ("subject_token", good.as_str()),
        ("subject_token_type", JWT),
        ("scope", "greetings"),
    ];
    let with = |name: &'static str, value: &'static str| {
        let mut form = exchange.to_vec();
        form.retain(|(known, _)| *known != name);
        form.push((name, value));
        form
    };
    let large = "x".repeat(70_000);
    let expect =
        async |headers: &[(&str, &str)], fields: &[(&str, &str)], status: u16, error: &str, code: &str| {
            let answer = token(&world.home, headers, fields).await;
            let body: Value =
                serde_json::from_slice(&answer.body).unwrap_or_else(|why| panic!("{why}: {}", answer.text()));
            assert_eq!(
                (answer.status, body["error"].as_str(), body["code"].as_str()),
                (status, Some(error), Some(code)),
                "{body}"
            );
            assert_eq!(answer.headers["cache-control"], "no-store");
            let told = answer.text();
            let signature = good.rsplit('.').next().expect("a token has a signature");
            assert!(!told.contains(signature), "a token in an answer: {told}");
        };
    expect(&[], &exchange, 400, "invalid_request", "form-malformed").await;
    expect(&[("content-type", "application/json")], &exchange, 400, "invalid_request", "form-malformed")
        .await;
    expect(&[form, ("authorization", "Bearer x")], &exchange, 400, "invalid_request", "form-malformed").await;
    expect(&[form], &exchange, 400, "invalid_request", "key-missing").await;
    expect(&[form], &with("cnf", "{}"), 400, "invalid_request", "key-invalid").await;
    expect(&[form], &with("subject_token", "a.b.c"), 400, "invalid_request", "subject-invalid").await;
    expect(&[form], &with("grant_type", "password"), 400, "unsupported_grant_type", "grant-type").await;
    expect(&[form], &[("grant_type", GRANT_TYPE)], 400, "invalid_request", "subject-missing").await;
    expect(&[form], &[&exchange[..], &exchange[3..]].concat(), 400, "invalid_request", "form-malformed")
        .await;
    expect(
        &[form],
        &[&exchange[..], &[("other", large.as_str())]].concat(),
        413,
        "invalid_request",
        "form-too-large",
    )
    .await;
    let other_method =
        ClientRequest::new("GET", "localhost", "/v1/token").send_to_socket(&world.home.api()).await.unwrap();
    assert_eq!(other_method.status, 405);
    let foreign = token(
        &world.home,
        &[form, ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        &exchange,
    )
    .await;
    assert_eq!(foreign.status, 403, "{}", foreign.text());
    auditor.audit(world.home.file("ledger"), &[]).expect_holds();
    assert!(auditor.of_kind("issued/1").is_empty());
    let metrics = get(world.server.health(), "/metrics").await.unwrap().text();
    assert!(metrics.contains("portcullis_issuances_total{result=\"key-missing\"} 1"), "{metrics}");
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_wants_issued_roots_takes_those_of_the_authority_and_none_by_a_stolen_key() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let spec = json!({
        "require": {"holder": "proof", "use": "any", "maxLifetime": "5m", "issued": true},
        "callers": ["agent:demo"],
    });
    Signers::of(&home).publish(&UnsignedBundle::of(&home).version(2).with_route("hello", spec));
    let world = Setup::default().start_in(directory, home).await;
    log_in(&world.home, "demo");
    let url = "http://localhost/hello/you";
    let (status, _, err) = request(&world, "agent.yaml", &["GET", url]);
    assert_eq!(status, 0, "{err}");
    // The authority's key signs what the authority never issued.
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 403, "not-issued").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn halting_stops_issuing_and_a_revoked_agent_gets_nothing() {
    let world = World::start().await;
    log_in(&world.home, "demo");
    let ask = || request(&world, "agent.yaml", &["GET", "http://localhost/hello/you", "--only-warrant"]);
    done(&world.home, &["halt"]);
    let (status, _, err) = ask();
    assert_eq!((status, err.contains("no warrant: halted")), (1, true), "{err}");
    done(&world.home, &["resume"]);
    assert_eq!(ask().0, 0);
    done(&world.home, &["revoke", "sub", "agent:demo"]);
    let (status, _, err) = ask();
    assert_eq!((status, err.contains("no warrant: revoked")), (1, true), "{err}");
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 403, "revoked").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_root_that_was_handed_out_is_on_record_after_a_kill() {
    let mut world = World::start().await;
    log_in(&world.home, "demo");
    let ask = |world: &World| {
        let asked = ["GET", "http://localhost/hello/you", "--only-warrant"];
        let (status, warrant, err) = request(world, "agent.yaml", &asked);
        assert_eq!(status, 0, "{err}");
        let presented = PresentedWarrant::parse(warrant.trim_end().as_bytes()).unwrap();
        presented.digests().next().unwrap().to_string()
    };
    let mut handed_out = vec![ask(&world), ask(&world)];
    world.server.process.kill();
    world.server = Server::start(&world.home).await;
    handed_out.push(ask(&world));
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let recorded = until("all roots to be published", async || {
        Some(auditor.of_kind("issued/1")).filter(|recorded| recorded.len() >= handed_out.len())
    })
    .await;
    let recorded: Vec<_> = recorded.iter().map(|entry| entry["root"].as_str().unwrap().to_owned()).collect();
    assert_eq!(recorded, handed_out);
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    auditor.audit(world.home.file("ledger"), &[]).expect_holds();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authoritys_key_is_replaced_by_bundles_and_no_request_is_denied_that_should_pass() {
    let world = World::start().await;
    log_in(&world.home, "demo");
    let url = "http://localhost/hello/you";
    let ask = || authority::warrant(&world.home, &["GET", url, "--scope", "greetings", "--use", "1000"]);
    let kid = |warrant: &str| {
        let header = warrant.split('.').next().unwrap();
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        header["kid"].as_str().unwrap().to_owned()
    };
    let old = ask();
    assert_eq!(kid(&old), "a1");
    let made = printed(&["key", "rotate", "--config", text(&world.home.file("portcullis.yaml"))]);
    let new: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(new["kid"], "a2");
    let signers = Signers::of(&world.home);
    let mut version = 1;
    let mut publish = |keys: &dyn Fn(Value) -> Value| {
        version += 1;
        let bundle = UnsignedBundle::of(&world.home).version(version).edit("mesh.json", |mesh| {
            let listed = &mut mesh["spec"]["issuers"][0]["keys"];
            let is_first = |key: &&Value| key["kid"] == "a1";
            let first = listed.as_array().unwrap().iter().find(is_first).cloned();
            *listed = keys(first.unwrap_or_default());
        });
        signers.publish(&bundle);
        format!("{version}")
    };
    let use_it = async |warrant: &str| {
        let request = ClientRequest::new("GET", "localhost", "/hello/you");
        world.allows(&world.agent.present(warrant, request)).await;
    };
    // The order of the bundle says which key signs; both count.
    type Keys<'a> = &'a dyn Fn(Value) -> Value;
    let steps: [(Keys<'_>, &str); 2] = [(&|old| json!([new, old]), "a1"), (&|old| json!([old, new]), "a2")];
    for (keys, expected) in steps {
        let version = publish(keys);
        until("the bundle to be active, with every request allowed meanwhile", async || {
            use_it(&old).await;
            use_it(&ask()).await;
            let metrics = get(world.server.health(), "/metrics").await?.text();
            metrics.contains(&format!("portcullis_bundle_version {version}\n")).then_some(())
        })
        .await;
        world.until_gates_know().await;
        let fresh = ask();
        assert_eq!(kid(&fresh), expected);
        use_it(&fresh).await;
    }
    publish(&|_| json!([new]));
    until("the old key to be out of use", async || {
        let request = world.agent.present(&old, ClientRequest::new("GET", "localhost", "/hello/you"));
        (world.send(&request).await.code().as_deref() == Some("issuer-untrusted")).then_some(())
    })
    .await;
    use_it(&ask()).await;
    world.end().await;
}
