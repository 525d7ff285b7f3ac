//! The server dies and comes back. Envoy is never touched.

use portcullis_tests::agent::hello;
use portcullis_tests::condition::until;
use portcullis_tests::court::Court;
use portcullis_tests::world::World;
use std::time::{Duration, Instant};

#[tokio::test]
async fn while_the_server_is_dead_all_of_a_hundred_requests_are_denied_and_none_is_executed() {
    let mut world = World::start().await;
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/before")).await;

    world.court.program.kill();
    for request in 0..100 {
        let ask = world.agent.asks(&hello(), "GET", &format!("/hello/{request}"));
        world.turns_away(&ask, 503).await;
    }
    assert_eq!(world.upstream.hits().len(), 1, "only what was allowed before");

    world.court = Court::start(&world.home).await;
    let ready = Instant::now();
    until("a request to be allowed again", async || {
        let ask = world.agent.asks(&hello(), "GET", "/hello/after");
        (world.send(&ask).await.status == 200).then_some(())
    })
    .await;
    let took = ready.elapsed();
    assert!(took < Duration::from_secs(1), "allowed again only {took:?} after readiness");
    println!("ready {:?} after its start, allowed again {took:?} after that", world.court.took);
}

#[tokio::test]
async fn what_was_used_up_before_a_crash_stays_used_up() {
    let mut world = World::start().await;
    let ask = world.agent.asks(&hello(), "GET", "/hello/you");
    world.allows(&ask).await;

    world.court.program.kill();
    world.court = Court::start(&world.home).await;

    until("the server to judge again", async || {
        let fresh = world.agent.asks(&hello(), "GET", "/hello/you");
        (world.send(&fresh).await.status == 200).then_some(())
    })
    .await;
    world.denies(&ask, 403, "replayed").await;
}

#[tokio::test]
async fn asked_to_end_it_ends_well() {
    let mut world = World::start().await;
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
    let status = world.court.program.stop().await;
    assert_eq!(status.code(), Some(0), "{}", world.court.program.log());
    world.turns_away(&world.agent.asks(&hello(), "GET", "/hello/you"), 503).await;
}
