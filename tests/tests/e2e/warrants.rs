//! What a warrant must be for a request to pass, and what the client is told where it is not.

use portcullis_tests::agent::{Agent, Grant, hello, payment};
use portcullis_tests::client::Ask;
use portcullis_tests::keys::{Algorithm, Key};
use portcullis_tests::world::{HOST, World};

#[tokio::test]
async fn a_request_with_a_warrant_and_its_proof_is_executed_once_under_one_decision() {
    let world = World::start().await;
    let ask = world.agent.asks(&hello(), "GET", "/hello/you");

    world.allows(&ask).await;

    let hits = world.upstream.hits();
    let [hit] = hits.as_slice() else { panic!("{hits:?}") };
    assert_eq!((hit.method.as_str(), hit.target.as_str()), ("GET", "/hello/you"));
    assert!(!hit.headers.contains_key("warrant"), "the warrant is not the upstream's to see");
    assert!(!hit.headers.contains_key("warrant-proof"), "nor is the proof");
}

#[tokio::test]
async fn a_query_that_the_route_did_not_declare_is_not_covered() {
    let world = World::start().await;
    let ask = world.agent.asks(&hello(), "GET", "/hello/you?admin=1");
    world.denies(&ask, 403, "outside-warrant").await;
}

#[tokio::test]
async fn a_decision_id_that_the_client_made_up_never_reaches_the_upstream() {
    let world = World::start().await;
    let ask = world.agent.asks(&hello(), "GET", "/hello/you").with("warrant-decision", "of my own making");

    world.allows(&ask).await;

    let hits = world.upstream.hits();
    assert_eq!(hits[0].headers.get_all("warrant-decision").iter().count(), 1);
    assert_ne!(hits[0].decision(), Some("of my own making"));
}

#[tokio::test]
async fn what_only_we_may_say_the_client_cannot_say_to_the_upstream() {
    let world = World::start().await;
    let claims = ["warrant-receipt", "warrant-denial"];
    let commands =
        ["x-http-method-override", "x-method-override", "x-original-url", "x-forwarded-host", "forwarded"];
    let mut ask = world.agent.asks(&hello(), "GET", "/hello/you");
    for name in claims.iter().chain(&commands) {
        ask = ask.with(name, "of my own making");
    }

    world.allows(&ask).await;

    let hits = world.upstream.hits();
    for name in claims.iter().chain(&commands) {
        assert!(!hits[0].headers.contains_key(*name), "{name} reached the upstream");
    }
}

#[tokio::test]
async fn without_a_warrant_the_answer_says_where_to_get_one() {
    let world = World::start().await;
    let answer = world.denies(&Ask::new("GET", HOST, "/hello/you"), 401, "warrant-missing").await;
    assert!(answer.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn a_warrant_with_one_byte_changed_is_refused() {
    let world = World::start().await;
    let mut warrant = world.agent.warrant(&hello());
    let signature = warrant.rfind('.').unwrap() + 10;
    let changed = if warrant.as_bytes()[signature] == b'A' { "B" } else { "A" };
    warrant.replace_range(signature..=signature, changed);
    let ask = world.agent.presents(&warrant, Ask::new("GET", HOST, "/hello/you"));
    world.denies(&ask, 401, "signature-invalid").await;
}

#[tokio::test]
async fn a_warrant_of_yesterday_is_expired() {
    let world = World::start().await;
    let ask = world.agent.asks(&Grant { age: 86_400, ..hello() }, "GET", "/hello/you");
    world.denies(&ask, 401, "expired").await;
}

#[tokio::test]
async fn a_warrant_of_tomorrow_is_not_yet_valid() {
    let world = World::start().await;
    let ask = world.agent.asks(&Grant { age: -86_400, ..hello() }, "GET", "/hello/you");
    world.denies(&ask, 401, "not-yet-valid").await;
}

#[tokio::test]
async fn a_warrant_for_another_audience_is_of_no_use_here() {
    let world = World::start().await;
    let ask = world.agent.asks(&Grant { audience: "elsewhere".into(), ..hello() }, "GET", "/hello/you");
    world.denies(&ask, 403, "audience-mismatch").await;
}

#[tokio::test]
async fn a_warrant_for_one_route_does_not_open_another() {
    let world = World::start().await;
    let ask = world.agent.asks(&hello(), "POST", "/v1/payments/42");
    world.denies(&ask, 403, "outside-warrant").await;
}

#[tokio::test]
async fn a_warrant_for_another_host_does_not_open_this_one() {
    let world = World::start().await;
    let ask = world.agent.asks(&Grant { host: "elsewhere.example".into(), ..hello() }, "GET", "/hello/you");
    world.denies(&ask, 403, "outside-warrant").await;
}

#[tokio::test]
async fn a_host_that_this_proxy_does_not_serve_is_a_misdirected_request() {
    let world = World::start().await;
    let warrant = world.agent.warrant(&hello());
    let ask = world.agent.presents(&warrant, Ask::new("GET", "elsewhere.example", "/hello/you"));
    world.denies(&ask, 421, "target-mismatch").await;
}

#[tokio::test]
async fn a_warrant_without_its_proof_is_only_a_piece_of_paper() {
    let world = World::start().await;
    let warrant = world.agent.warrant(&hello());
    let ask = Ask::new("GET", HOST, "/hello/you").with("warrant", warrant);
    world.denies(&ask, 401, "proof-missing").await;
}

#[tokio::test]
async fn a_thief_without_the_holders_key_cannot_prove_possession() {
    let world = World::start().await;
    let warrant = world.agent.warrant(&hello());
    let thief = Agent { holder: Key::stranger(Algorithm::Es256, 7), ..world.agent.clone() };
    world.denies(&thief.presents(&warrant, Ask::new("GET", HOST, "/hello/you")), 401, "proof-invalid").await;
}

#[tokio::test]
async fn a_proof_for_one_request_does_not_prove_another() {
    let world = World::start().await;
    let warrant = world.agent.warrant(&hello());
    let proof = world.agent.proof(&warrant, &Ask::new("GET", HOST, "/hello/you"));
    let ask = Ask::new("GET", HOST, "/hello/them").with("warrant", warrant).with("warrant-proof", proof);
    world.denies(&ask, 401, "proof-invalid").await;
}

#[tokio::test]
async fn the_same_request_with_the_same_proof_is_a_replay() {
    let world = World::start().await;
    let ask = world.agent.asks(&hello(), "GET", "/hello/you");
    world.allows(&ask).await;
    world.denies(&ask, 403, "replayed").await;
}

#[tokio::test]
async fn once_means_once_even_with_a_fresh_proof() {
    let world = World::start().await;
    let warrant = world.agent.warrant(&payment());
    let pay = || world.agent.presents(&warrant, Ask::new("POST", HOST, "/v1/payments/42"));
    world.allows(&pay()).await;
    world.denies(&pay(), 403, "replayed").await;
}

#[tokio::test]
async fn an_ed25519_holder_is_as_good_as_any() {
    let world = World::start().await;
    let agent = Agent { holder: Key::stranger(Algorithm::Ed25519, 7), ..world.agent.clone() };
    world.allows(&agent.asks(&hello(), "GET", "/hello/you")).await;
}

#[tokio::test]
async fn an_authority_that_nobody_named_is_not_trusted() {
    let world = World::start().await;
    let stranger = Agent { authority: Key::stranger(Algorithm::Es256, 7), ..world.agent.clone() };
    let ask = stranger.asks(&hello(), "GET", "/hello/you");
    world.denies(&ask, 401, "signature-invalid").await;
    let other_name = Grant { kid: "someone-else".into(), ..hello() };
    world.denies(&stranger.asks(&other_name, "GET", "/hello/you"), 401, "issuer-untrusted").await;
}
