//! The server ends and starts again, while Envoy keeps running.

use portcullis_tests::agent::{hello, payment};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::server::Server;
use portcullis_tests::world::{HOST, World};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};

#[tokio::test]
async fn while_the_server_is_down_a_hundred_requests_are_denied_and_none_is_executed() {
    let mut world = World::start().await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/before")).await;

    world.server.process.kill();
    for request in 0..100 {
        let request = world.agent.request(&hello(), "GET", &format!("/hello/{request}"));
        world.denies_with_status(&request, 503).await;
    }
    assert_eq!(world.upstream.executions().len(), 1, "only the request that was allowed before");

    world.server = Server::start(&world.home).await;
    let ready = Instant::now();
    until("a request to be allowed again", async || {
        let request = world.agent.request(&hello(), "GET", "/hello/after");
        (world.send(&request).await.status == 200).then_some(())
    })
    .await;
    let took = ready.elapsed();
    assert!(took < Duration::from_secs(1), "allowed again only {took:?} after readiness");
    println!(
        "the server was ready after {:?}, and the first request was allowed {took:?} later",
        world.server.took
    );
    world.end().await;
}

#[tokio::test]
async fn a_proof_that_was_used_before_a_crash_stays_used() {
    let mut world = World::start().await;
    let request = world.agent.request(&hello(), "GET", "/hello/you");
    world.allows(&request).await;

    world.server.process.kill();
    world.server = Server::start(&world.home).await;

    until("the server to judge again", async || {
        let fresh = world.agent.request(&hello(), "GET", "/hello/you");
        (world.send(&fresh).await.status == 200).then_some(())
    })
    .await;
    world.denies(&request, 403, "replayed").await;
    world.end().await;
}

#[tokio::test]
async fn on_sigterm_the_server_ends_with_status_0() {
    let mut world = World::start().await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    let status = world.server.process.stop().await;
    assert_eq!(status.code(), Some(0), "{}", world.server.process.log());
    world.denies_with_status(&world.agent.request(&hello(), "GET", "/hello/you"), 503).await;
    world.end().await;
}

#[tokio::test]
async fn clients_that_never_close_their_connections_do_not_keep_the_server_from_ending() {
    let mut world = World::start().await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    // One client sends nothing, one sends half a request, and the proxy is suspended with its connections open.
    let silent = UnixStream::connect(world.home.socket()).await.unwrap();
    let mut half = TcpStream::connect(world.server.health()).await.unwrap();
    half.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    world.envoy.process.freeze().await;

    let from = Instant::now();
    let status = world.server.process.stop().await;

    world.envoy.process.signal(Signal::CONT);
    let (took, log) = (from.elapsed(), world.server.process.log());
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("connections that were still open"), "no connection was still open: {log}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    drop((silent, half));
    world.end().await;
}

#[tokio::test]
async fn a_use_that_a_torn_entry_may_have_recorded_is_not_allowed_again_after_any_later_start() {
    let mut world = World::start().await;
    let warrant = world.agent.warrant(&payment());
    let pay =
        |world: &World| world.agent.present(&warrant, ClientRequest::new("POST", HOST, "/v1/payments/42"));
    // The log is published each second. Right after that, nothing publishes the payment before the kill: a server that lacks
    // published entries does not start.
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let outcomes = async || (!auditor.of_kind("outcome/1").is_empty()).then_some(());
    until("the outcome of a first request to be published", outcomes).await;
    world.allows(&pay(&world)).await;

    world.server.process.kill();
    tear_the_last_frame(&world.home.file("ledger/wal"));
    world.replay_check.skip_because("the test has damaged the entry of the only executed decision");
    for start in ["the start that cuts the torn entry", "the second start", "the third start"] {
        world.server = Server::start(&world.home).await;
        until("the server to judge again", async || {
            let fresh = world.agent.request(&hello(), "GET", "/hello/you");
            let answer = world.send(&fresh).await;
            (answer.status == 200 || answer.code().is_some()).then_some(())
        })
        .await;
        world.denies(&pay(&world), 503, "state-unavailable").await;
        println!("{start}: the payment is denied");
        world.server.process.stop().await;
    }
    world.end().await;
}

/// Damages the last frame as a crash of the machine may do: only its beginning is on disk.
#[expect(clippy::disallowed_methods, reason = "the test damages a file on purpose")]
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
