//! A wall clock that is set while the server runs, or was ahead before it started: the server denies until it can rely on the
//! time again, says until when, and stamps no wrong time.

use std::time::{Duration, Instant};

use ledger::Ledger;
use portcullis_tests::agent::hello;
use portcullis_tests::condition::until;
use portcullis_tests::preloaded_faults::PreloadedFaults;
use portcullis_tests::server::Server;
use portcullis_tests::signed_bundles::now;
use portcullis_tests::world::World;

const HOUR: u64 = 3600;

#[tokio::test]
async fn a_clock_that_is_an_hour_ahead_for_a_moment_denies_only_in_that_moment_and_stamps_nothing() {
    let mut world = World::start().await;
    world.server.process.stop().await;
    let machine = PreloadedFaults::new(world.directory());
    world.server = Server::start_with_faults(&world.home, &machine).await;
    let request = || world.agent.request(&hello(), "GET", "/hello/you");
    until("requests to be allowed", async || (world.send(&request()).await.status == 200).then_some(()))
        .await;
    assert_eq!(world.server.readiness_of("clock").await, Ok(String::new()));

    machine.shift_clock_by(HOUR);
    world.denies(&request(), 503, "governance-inconsistent").await;
    let why = world.server.readiness_of("clock").await.unwrap_err();
    assert!(why.starts_with("the wall clock was set"), "{why}");
    let is_error = |line: &str| (line.contains("ERROR") && line.contains("wall clock was set")).then_some(());
    world.server.process.find_in_log("an error about the clock", is_error).await;
    machine.shift_clock_by(0);

    until("the server to rely on the time again", async || world.server.readiness_of("clock").await.ok())
        .await;
    world.allows(&request()).await;
    // A clean stop publishes every entry.
    world.server.process.stop().await;
    let entries = Ledger::entries(&world.home.file("ledger"), 0).unwrap();
    let latest = entries.map(|record| record.unwrap().stamps.time / 1000).max();
    assert!(
        latest.is_some_and(|latest| latest <= now() + 1),
        "no entry has a time in the future: {latest:?}"
    );
    world.server = Server::start(&world.home).await;
    world.end().await;
}

#[tokio::test]
async fn a_ledger_from_a_time_when_the_clock_was_ahead_is_a_readiness_failure_that_says_until_when() {
    const AHEAD: u64 = 15;
    let mut world = World::start().await;
    world.server.process.stop().await;
    let machine = PreloadedFaults::new(world.directory());
    machine.shift_clock_by(AHEAD);
    // Its entries have times in the future: no start knows that its clock is wrong.
    Server::start_with_faults(&world.home, &machine).await.process.stop().await;
    machine.shift_clock_by(0);
    let began = (now(), Instant::now());
    world.server = Server::start_unready_with_faults(&world.home, &machine).await;
    let request = || world.agent.request(&hello(), "GET", "/hello/you");
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
