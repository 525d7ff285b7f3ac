//! A server that refuses every connection. `./dev test` looks at Envoy for a few seconds, and `./dev soak` for ten minutes.

use std::time::{Duration, Instant};

use portcullis_tests::condition::until;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::filter_files::FilterFile;
use portcullis_tests::soak::rounds;
use portcullis_tests::world::World;
use tokio::net::UnixListener;

use super::{send, streaming};

/// `./dev test` runs one.
const ROUND: Duration = Duration::from_secs(10);
/// The filters poll once a second when nobody answers, and what polls once a second costs next to nothing.
const OF_A_CORE: f64 = 0.1;
const GROWS_AT_MOST: u64 = 4 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_refuses_connections_envoy_stays_idle_and_does_not_grow() {
    let world = World::start().await;
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let nobody = directory.path().join("nobody.sock");
    // Nobody listens at a socket whose file is left behind.
    drop(UnixListener::bind(&nobody).unwrap());
    FilterFile::copy(&world.home, directory.path(), |file| file);
    let configuration =
        streaming(&world.home, world.upstream.address(), directory.path()).server_at_socket(&nobody);
    let envoy = Envoy::start_with_workers(2, &configuration, directory.path()).await;
    let refused =
        async || envoy.stat("cluster.portcullis.upstream_cx_connect_fail").await.unwrap_or_default();
    until("the first polls to be refused", async || (refused().await >= 5).then_some(())).await;
    let (began, first) = (Instant::now(), refused().await);
    let (time, memory) = (envoy.process.processor_time(), envoy.process.own_resident_bytes());
    for _ in 0..rounds() {
        let round = Instant::now();
        // Nothing looks at Envoy meanwhile: it costs more to answer than to poll.
        until("the round to end", async || (round.elapsed() >= ROUND).then_some(())).await;
        let answer = send(&world, &envoy).await;
        assert_eq!(answer.code().as_deref(), Some("governance-stale"), "{}", answer.text());
    }
    let (polls, took) = (refused().await - first, began.elapsed());
    assert!(polls > 0, "the filters do not poll any more");
    let used = envoy.process.processor_time() - time;
    let grown = envoy.process.own_resident_bytes().saturating_sub(memory);
    println!("{polls} polls were refused in {took:?}: Envoy used {used:?}, and grew by {grown} bytes");
    assert!(used.as_secs_f64() < took.as_secs_f64() * OF_A_CORE, "{used:?} in {took:?}");
    assert!(grown < GROWS_AT_MOST, "{grown} bytes");
    // Each thread begins with short pauses when its turn comes for the first time.
    assert!(took > Duration::from_millis(500) * u32::try_from(polls).unwrap(), "{polls} polls in {took:?}");
    world.allows(&super::request(&world, "/hello/you")).await;
    world.end().await;
}
