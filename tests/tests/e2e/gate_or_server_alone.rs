//! Gate and server make the same checks. Each of them denies by itself what the other would deny too.

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::shipped::{EXT_AUTHZ, GATE};
use portcullis_tests::world::{HOST, World};

/// Requests that both can judge by the warrant alone, with the status and code that both give.
fn denied_by_both(world: &World) -> Vec<(ClientRequest, u16, &'static str)> {
    let agent = &world.agent;
    let get = |grant: &WarrantSpec| agent.request(grant, "GET", "/hello/you");
    let tampered = agent.warrant(&hello()).replacen("ey", "eY", 1);
    vec![
        (ClientRequest::new("GET", HOST, "/hello/you"), 401, "warrant-missing"),
        (agent.present(&tampered, ClientRequest::new("GET", HOST, "/hello/you")), 400, "warrant-malformed"),
        (get(&WarrantSpec { kid: "unknown".into(), ..hello() }), 401, "issuer-untrusted"),
        (get(&WarrantSpec { age: 86_400, ..hello() }), 401, "expired"),
        (get(&WarrantSpec { audience: "elsewhere".into(), ..hello() }), 403, "audience-mismatch"),
        (get(&WarrantSpec { path: "/other/**".into(), ..hello() }), 403, "outside-warrant"),
    ]
}

#[tokio::test]
async fn the_gate_alone_denies_every_faulty_warrant() {
    let world = World::with(|shipped| shipped.without(EXT_AUTHZ)).await;
    for (request, status, code) in denied_by_both(&world) {
        world.denies(&request, status, code).await;
    }
    // The gate lets a valid warrant pass. Without the server the request has no decision, so the seal denies it.
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 403, "ungoverned").await;
    assert!(world.upstream.executions().is_empty());
    world.end().await;
}

#[tokio::test]
async fn the_server_alone_denies_the_same_because_it_does_not_rely_on_the_gate() {
    let world = World::with(|shipped| shipped.without(GATE)).await;
    for (request, status, code) in denied_by_both(&world) {
        world.denies(&request, status, code).await;
    }
    assert!(world.upstream.executions().is_empty());
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}
