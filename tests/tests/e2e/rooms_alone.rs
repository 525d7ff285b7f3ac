//! Gate and court know the same law. Each denies by itself what the other would have denied too.

use portcullis_tests::agent::{Grant, hello};
use portcullis_tests::client::Ask;
use portcullis_tests::shipped::{EXT_AUTHZ, GATE};
use portcullis_tests::world::{HOST, Setup, World};

/// What both rooms can tell from the artifact alone, and the code that both give.
fn refused_by_both(world: &World) -> Vec<(Ask, u16, &'static str)> {
    let agent = &world.agent;
    let get = |grant: &Grant| agent.asks(grant, "GET", "/hello/you");
    let tampered = agent.warrant(&hello()).replacen("ey", "eY", 1);
    vec![
        (Ask::new("GET", HOST, "/hello/you"), 401, "warrant-missing"),
        (agent.presents(&tampered, Ask::new("GET", HOST, "/hello/you")), 400, "warrant-malformed"),
        (get(&Grant { kid: "unknown".into(), ..hello() }), 401, "issuer-untrusted"),
        (get(&Grant { age: 86_400, ..hello() }), 401, "expired"),
        (get(&Grant { audience: "elsewhere".into(), ..hello() }), 403, "audience-mismatch"),
        (get(&Grant { path: "/other/**".into(), ..hello() }), 403, "outside-warrant"),
    ]
}

#[tokio::test]
async fn the_gate_alone_denies_what_is_wrong_with_the_artifact() {
    let setup = Setup { change: |shipped| shipped.without(EXT_AUTHZ), undecided: true, ..Setup::default() };
    let world = setup.start().await;
    for (ask, status, code) in refused_by_both(&world) {
        world.denies(&ask, status, code).await;
    }
    assert!(world.upstream.hits().is_empty());
    // And it is the gate that lets a good one go on: without the court there is no decision to go with it.
    assert_eq!(world.send(&world.agent.asks(&hello(), "GET", "/hello/you")).await.status, 200);
}

#[tokio::test]
async fn the_court_alone_denies_the_same_for_it_believes_no_gate() {
    let world = World::with(|shipped| shipped.without(GATE)).await;
    for (ask, status, code) in refused_by_both(&world) {
        world.denies(&ask, status, code).await;
    }
    assert!(world.upstream.hits().is_empty());
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
}
