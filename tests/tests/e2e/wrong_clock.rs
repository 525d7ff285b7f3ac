//! A wall clock that went ahead and came back: the server denies until it can rely on the time again, and says until when.

use std::time::{Duration, Instant};

use portcullis_tests::agent::hello;
use portcullis_tests::condition::until;
use portcullis_tests::preloaded_faults::PreloadedFaults;
use portcullis_tests::server::Server;
use portcullis_tests::signed_bundles::now;
use portcullis_tests::world::World;

#[tokio::test]
async fn a_clock_that_went_ahead_and_came_back_is_a_readiness_failure_that_says_until_when() {
    const AHEAD: u64 = 15;
    let mut world = World::start().await;
    world.server.process.stop().await;
    let machine = PreloadedFaults::new(world.directory());
    world.server = Server::start_with_faults(&world.home, &machine).await;
    let request = || world.agent.request(&hello(), "GET", "/hello/you");
    until("requests to be allowed", async || (world.send(&request()).await.status == 200).then_some(()))
        .await;
    assert_eq!(world.server.readiness_of("clock").await, Ok(String::new()));

    machine.shift_clock_by(AHEAD);
    // Its entry has a time in the future, whether it is allowed or denied.
    world.send(&request()).await;
    machine.shift_clock_by(0);
    let began = (now(), Instant::now());
    world.denies(&request(), 503, "governance-inconsistent").await;
    let why = world.server.readiness_of("clock").await.unwrap_err();
    let (_, rest) = why.split_once("until the clock says ").unwrap();
    let end: u64 = rest.split_once('.').unwrap().0.parse().unwrap();
    assert!(end > began.0 && end <= began.0 + AHEAD, "{why} (now {})", began.0);
    let is_error =
        |line: &str| (line.contains("ERROR") && line.contains("wall clock is behind")).then_some(());
    world.server.process.find_in_log("an error about the clock", is_error).await;

    until("the server to rely on the time again", async || world.server.readiness_of("clock").await.ok())
        .await;
    assert!(now() + 1 >= end, "not before the second that it named");
    assert!(began.1.elapsed() < Duration::from_secs(AHEAD + 5));
    world.allows(&request()).await;
    world.end().await;
}
