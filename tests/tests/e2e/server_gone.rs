//! The server dies and comes back. Envoy is never touched.

use portcullis_tests::agent::{hello, payment};
use portcullis_tests::client::Ask;
use portcullis_tests::condition::until;
use portcullis_tests::court::Court;
use portcullis_tests::world::{HOST, World};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};

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

#[tokio::test]
async fn peers_that_never_hang_up_do_not_keep_it_from_ending_in_order() {
    let mut world = World::start().await;
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
    // One that says nothing, one that says half a request, and a proxy that is frozen in the middle of its connection.
    let silent = UnixStream::connect(world.home.socket()).await.unwrap();
    let mut half = TcpStream::connect(world.court.http()).await.unwrap();
    half.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    world.envoy.program.freeze().await;

    let from = Instant::now();
    let status = world.court.program.stop().await;

    world.envoy.program.signal(Signal::CONT);
    let (took, log) = (from.elapsed(), world.court.program.log());
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("connections were still open"), "nobody held on: {log}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    drop((silent, half));
}

#[tokio::test]
async fn what_a_torn_record_may_have_held_is_not_counted_again_at_any_later_start() {
    let mut world = World::start().await;
    let warrant = world.agent.warrant(&payment());
    let pay = |world: &World| world.agent.presents(&warrant, Ask::new("POST", HOST, "/v1/payments/42"));
    world.allows(&pay(&world)).await;

    world.court.program.kill();
    tear_the_last_frame(&world.home.file("ledger/wal"));
    world.again.is_excused("the one decision that was executed is what was torn out of the record");
    for start in ["the one that cuts", "the next", "and the one after"] {
        world.court = Court::start(&world.home).await;
        until("the server to judge again", async || {
            let fresh = world.agent.asks(&hello(), "GET", "/hello/you");
            let answer = world.send(&fresh).await;
            (answer.status == 200 || answer.code().is_some()).then_some(())
        })
        .await;
        world.denies(&pay(&world), 503, "state-unavailable").await;
        println!("{start}: not counted");
        world.court.program.stop().await;
    }
}

/// As a crash of the machine may leave it: the last frame is there in part.
#[expect(clippy::disallowed_methods, reason = "a test breaks what it will")]
fn tear_the_last_frame(wal: &Path) {
    let segments = std::fs::read_dir(wal).unwrap().map(|entry| entry.unwrap().path());
    let written = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        (end, path, bytes)
    };
    let (end, path, mut bytes) =
        segments.map(written).filter(|(end, ..)| *end > 64).max_by_key(|(_, path, _)| path.clone()).unwrap();
    bytes[end - 30..end].fill(0);
    std::fs::write(path, bytes).unwrap();
}
