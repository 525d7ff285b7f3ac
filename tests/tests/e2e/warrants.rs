//! Which warrants and proofs allow a request, and which denial a client gets for the others.

use portcullis_tests::agent::{Agent, WarrantSpec, hello, payment};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::shipped::Configuration;
use portcullis_tests::world::{HOST, World};

#[tokio::test]
async fn a_request_with_a_warrant_and_its_proof_is_executed_once_under_one_decision() {
    let world = World::start().await;
    let request = world.agent.request(&hello(), "GET", "/hello/you");

    world.allows(&request).await;

    let executions = world.upstream.executions();
    let [execution] = executions.as_slice() else { panic!("{executions:?}") };
    assert_eq!((execution.method.as_str(), execution.target.as_str()), ("GET", "/hello/you"));
    assert!(!execution.headers.contains_key("warrant"), "the upstream must not see the warrant");
    assert!(!execution.headers.contains_key("warrant-proof"), "the upstream must not see the proof");
    world.end().await;
}

#[tokio::test]
async fn a_query_that_the_route_does_not_declare_is_outside_the_warrant() {
    let world = World::start().await;
    let request = world.agent.request(&hello(), "GET", "/hello/you?admin=1");
    world.denies(&request, 403, "outside-warrant").await;
    world.end().await;
}

#[tokio::test]
async fn a_decision_id_from_the_client_is_replaced_by_the_id_of_the_recorded_decision() {
    let world = World::start().await;
    let request =
        world.agent.request(&hello(), "GET", "/hello/you").with("warrant-decision", "made up by the client");

    world.allows(&request).await;

    let executions = world.upstream.executions();
    assert_eq!(executions[0].headers.get_all("warrant-decision").iter().count(), 1);
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let decisions = auditor.wait_for_decisions(1).await;
    assert_eq!(executions[0].decision(), decisions[0]["id"].as_str());
    world.end().await;
}

#[tokio::test]
async fn headers_that_only_portcullis_may_set_or_that_rewrite_a_request_do_not_reach_the_upstream() {
    let world = World::start().await;
    let reserved = ["warrant-receipt", "warrant-denial"];
    let rewriting = [
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-method",
        "x-forwarded-path",
        "x-forwarded-prefix",
        "x-forwarded-server",
        "x-forwarded-uri",
        "x-host",
        "x-http-host-override",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-host",
        "x-original-method",
        "x-original-path",
        "x-original-uri",
        "x-original-url",
        "x-override-url",
        "x-request-uri",
        "x-rewrite-url",
        "x-script-name",
    ];
    let mut request = world.agent.request(&hello(), "GET", "/hello/you");
    for name in reserved.iter().chain(&rewriting) {
        request = request.with(name, "made up by the client");
    }

    world.allows(&request).await;

    let executions = world.upstream.executions();
    for name in reserved.iter().chain(&rewriting) {
        assert!(!executions[0].headers.contains_key(*name), "{name} reached the upstream");
    }
    world.end().await;
}

#[tokio::test]
async fn an_upstream_cannot_make_an_executed_request_look_denied() {
    // Where the routes do not remove the header, the seal does.
    let by_the_seal = World::with(Configuration::keeping_response_headers).await;
    for world in [World::start().await, by_the_seal] {
        let response = world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
        assert_eq!(response.headers.get("warrant-denial"), None);
        let denied =
            world.denies(&ClientRequest::new("GET", HOST, "/hello/you"), 401, "warrant-missing").await;
        assert_eq!(denied.headers["warrant-denial"], "warrant-missing");
        world.end().await;
    }
}

#[tokio::test]
async fn without_a_warrant_the_response_names_the_audience_and_the_issuers_to_ask() {
    let world = World::start().await;
    let response = world.denies(&ClientRequest::new("GET", HOST, "/hello/you"), 401, "warrant-missing").await;
    let issuer = hello().issuer;
    let page = "http://localhost/.well-known/oauth-protected-resource?resource=http%3A%2F%2Flocalhost:10000";
    let challenge = format!(
        r#"Warrant realm="demo", error="warrant-missing", issuers="{issuer}", resource_metadata="{page}""#
    );
    assert_eq!(response.headers["www-authenticate"], challenge);
    world.end().await;
}

#[tokio::test]
async fn a_warrant_with_one_changed_byte_has_an_invalid_signature() {
    let world = World::start().await;
    let mut warrant = world.agent.warrant(&hello());
    let signature = warrant.rfind('.').unwrap() + 10;
    let changed = if warrant.as_bytes()[signature] == b'A' { "B" } else { "A" };
    warrant.replace_range(signature..=signature, changed);
    let request = world.agent.present(&warrant, ClientRequest::new("GET", HOST, "/hello/you"));
    world.denies(&request, 401, "signature-invalid").await;
    world.end().await;
}

#[tokio::test]
async fn a_warrant_of_yesterday_is_expired() {
    let world = World::start().await;
    let request = world.agent.request(&WarrantSpec { age: 86_400, ..hello() }, "GET", "/hello/you");
    world.denies(&request, 401, "expired").await;
    world.end().await;
}

#[tokio::test]
async fn a_warrant_of_tomorrow_is_not_yet_valid() {
    let world = World::start().await;
    let request = world.agent.request(&WarrantSpec { age: -86_400, ..hello() }, "GET", "/hello/you");
    world.denies(&request, 401, "not-yet-valid").await;
    world.end().await;
}

#[tokio::test]
async fn a_warrant_for_another_audience_is_denied() {
    let world = World::start().await;
    let request =
        world.agent.request(&WarrantSpec { audience: "elsewhere".into(), ..hello() }, "GET", "/hello/you");
    world.denies(&request, 403, "audience-mismatch").await;
    world.end().await;
}

#[tokio::test]
async fn a_warrant_for_one_route_does_not_cover_another() {
    let world = World::start().await;
    let request = world.agent.request(&hello(), "POST", "/v1/payments/42");
    world.denies(&request, 403, "outside-warrant").await;
    world.end().await;
}

#[tokio::test]
async fn a_warrant_for_another_host_does_not_cover_this_one() {
    let world = World::start().await;
    let request = world.agent.request(
        &WarrantSpec { host: "elsewhere.example".into(), ..hello() },
        "GET",
        "/hello/you",
    );
    world.denies(&request, 403, "outside-warrant").await;
    world.end().await;
}

#[tokio::test]
async fn a_host_that_this_proxy_does_not_serve_is_a_misdirected_request() {
    let world = World::start().await;
    let warrant = world.agent.warrant(&hello());
    let request = world.agent.present(&warrant, ClientRequest::new("GET", "elsewhere.example", "/hello/you"));
    world.denies(&request, 421, "target-mismatch").await;
    world.end().await;
}

#[tokio::test]
async fn a_warrant_without_a_proof_is_denied() {
    let world = World::start().await;
    let warrant = world.agent.warrant(&hello());
    let request = ClientRequest::new("GET", HOST, "/hello/you").with("warrant", warrant);
    world.denies(&request, 401, "proof-missing").await;
    world.end().await;
}

#[tokio::test]
async fn a_thief_without_the_holders_key_cannot_prove_possession() {
    let world = World::start().await;
    let warrant = world.agent.warrant(&hello());
    let thief = Agent { holder: TestKey::stranger(Algorithm::Es256, 7), ..world.agent.clone() };
    world
        .denies(&thief.present(&warrant, ClientRequest::new("GET", HOST, "/hello/you")), 401, "proof-invalid")
        .await;
    world.end().await;
}

#[tokio::test]
async fn a_proof_for_one_request_does_not_prove_another() {
    let world = World::start().await;
    let warrant = world.agent.warrant(&hello());
    let proof = world.agent.proof(&warrant, &ClientRequest::new("GET", HOST, "/hello/you"));
    let request =
        ClientRequest::new("GET", HOST, "/hello/them").with("warrant", warrant).with("warrant-proof", proof);
    world.denies(&request, 401, "proof-invalid").await;
    world.end().await;
}

#[tokio::test]
async fn the_same_request_with_the_same_proof_is_a_replay() {
    let world = World::start().await;
    let request = world.agent.request(&hello(), "GET", "/hello/you");
    world.allows(&request).await;
    world.denies(&request, 403, "replayed").await;
    world.end().await;
}

#[tokio::test]
async fn once_means_once_even_with_a_fresh_proof() {
    let world = World::start().await;
    let warrant = world.agent.warrant(&payment());
    let pay = || world.agent.present(&warrant, ClientRequest::new("POST", HOST, "/v1/payments/42"));
    world.allows(&pay()).await;
    world.denies(&pay(), 403, "replayed").await;
    world.end().await;
}

#[tokio::test]
async fn a_holder_with_an_ed25519_key_is_allowed() {
    let world = World::start().await;
    let agent = Agent { holder: TestKey::stranger(Algorithm::Ed25519, 7), ..world.agent.clone() };
    world.allows(&agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}

#[tokio::test]
async fn a_warrant_by_an_unknown_authority_is_denied_under_a_known_and_under_an_unknown_key_id() {
    let world = World::start().await;
    let stranger = Agent { authority: TestKey::stranger(Algorithm::Es256, 7), ..world.agent.clone() };
    let request = stranger.request(&hello(), "GET", "/hello/you");
    world.denies(&request, 401, "signature-invalid").await;
    let other_name = WarrantSpec { kid: "someone-else".into(), ..hello() };
    world.denies(&stranger.request(&other_name, "GET", "/hello/you"), 401, "issuer-untrusted").await;
    world.end().await;
}
