//! A slow disk makes decisions slow, and nothing else: what proxies report about requests that have ended is recorded from
//! the time that decisions leave, and a report that must wait never keeps a decision waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::bundles::Signers;
use portcullis_tests::agent::hello;
use portcullis_tests::condition::until;
use portcullis_tests::preloaded_faults::PreloadedFaults;
use portcullis_tests::server::Server;
use portcullis_tests::shipped::Configuration;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{Setup, World};

/// How much longer each `fdatasync` takes.
const DELAY: Duration = Duration::from_millis(60);
const CLIENTS: usize = 24;
const FOR: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_slow_disk_decisions_are_answered_while_the_access_log_has_a_connection_of_its_own() {
    answers_every_request(|shipped| shipped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_slow_disk_decisions_are_answered_also_on_the_connection_of_the_access_log() {
    answers_every_request(Configuration::with_access_log_beside_decisions).await;
}

async fn answers_every_request(change: fn(Configuration) -> Configuration) {
    let mut world = Setup { change, ..Setup::default() }.start().await;
    world.server.process.stop().await;
    let machine = PreloadedFaults::new(world.directory());
    world.server = Server::start_with_faults(&world.home, &machine).await;
    machine.delay_syncs_by(DELAY);
    let request = world.agent.request(&hello(), "GET", "/hello/you");
    until("the server to judge", async || (world.send(&request).await.status == 200).then_some(())).await;

    let world = Arc::new(world);
    let (allowed, others) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let end = Instant::now() + FOR;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (world, allowed, others) = (Arc::clone(&world), Arc::clone(&allowed), Arc::clone(&others));
            tokio::spawn(async move {
                while Instant::now() < end {
                    // The line of the access log repeats this header, so that the lines soon fill what a connection may
                    // hold unread.
                    let request = world.agent.request(&hello(), "GET", "/hello/you");
                    let response = world.send(&request.with("user-agent", "x".repeat(8000))).await;
                    if response.status == 200 {
                        allowed.fetch_add(1, Ordering::Relaxed);
                    } else {
                        println!("not allowed: {} {:?}", response.status, response.code());
                        others.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let (allowed, others) = (allowed.load(Ordering::Relaxed), others.load(Ordering::Relaxed));
    println!(
        "{CLIENTS} clients for {FOR:?}, each fdatasync {DELAY:?} longer: {allowed} allowed, {others} not"
    );
    assert!(allowed > CLIENTS, "this test shows nothing: {allowed} requests");
    // A machine that runs other tests too may miss the time limit of a decision now and then.
    assert!(others * 50 <= allowed, "{others} requests were not answered in time, and only {allowed} were");
    Arc::into_inner(world).expect("every client has ended").end().await;
}

#[tokio::test]
async fn a_keeper_that_waits_for_the_disk_for_ten_seconds_is_a_readiness_failure_until_it_looks_again() {
    let mut world = World::start().await;
    world.server.process.stop().await;
    let machine = PreloadedFaults::new(world.directory());
    world.server = Server::start_with_faults(&world.home, &machine).await;
    assert_eq!(world.server.readiness_of("keeper").await.unwrap(), "");
    machine.delay_syncs_by(Duration::from_secs(60));
    // The record of its activation waits for the disk.
    Signers::of(&world.home).publish(&UnsignedBundle::of(&world.home).version(7));
    let from = Instant::now();
    let why =
        until("the keeper to be missed", async || world.server.readiness_of("keeper").await.err()).await;
    assert!(why.contains("nobody looks for newer bundles and notes") && why.contains("since 1"), "{why}");
    assert!(from.elapsed() > Duration::from_secs(9), "{:?}", from.elapsed());
    machine.delay_syncs_by(Duration::ZERO);
    until("the keeper to look again", async || world.server.readiness_of("keeper").await.ok()).await;
    world.server.wait_for_bundle_state("version 7").await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}
