//! The table of faults. In each row something goes wrong with the server, and until it is repaired every request is denied
//! and none is executed. Before and after the fault requests are allowed: otherwise the denials would prove nothing.
//!
//! `PORTCULLIS_ROUNDS` says how often the table is repeated.

use portcullis_tests::agent::hello;
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::fake_server::{FakeAnswer, FakeServer};
use portcullis_tests::server::Server;
use portcullis_tests::shipped::{Configuration, GATE, SEAL};
use portcullis_tests::soak::rounds;
use portcullis_tests::world::{HOST, Setup, World};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// What goes wrong with the server.
#[derive(Clone, Copy, Debug)]
enum ServerFault {
    /// `kill -9`.
    Killed,
    /// The server is suspended: its socket accepts connections, but nothing answers.
    Hung,
    /// The kernel refuses every write to the ledger.
    DiskFull,
    /// A fake server takes the server's place.
    Instead(FakeAnswer),
}

const LATE: Duration = Duration::from_millis(1500);

/// The status of every denial under a fault. Envoy denies with it when it gets no valid answer from the server
/// (`status_on_error` in envoy/envoy.yaml), and the server denies with it when it cannot record a decision.
const STATUS: u16 = 503;

const FAULTS: &[ServerFault] = &[
    ServerFault::Killed,
    ServerFault::Hung,
    ServerFault::DiskFull,
    ServerFault::Instead(FakeAnswer::Silence),
    ServerFault::Instead(FakeAnswer::LateAllow(LATE)),
    ServerFault::Instead(FakeAnswer::HangUp),
    ServerFault::Instead(FakeAnswer::GarbageBytes(1)),
    ServerFault::Instead(FakeAnswer::GarbageBytes(2)),
    ServerFault::Instead(FakeAnswer::GarbageBytes(3)),
    ServerFault::Instead(FakeAnswer::GarbageMessage),
    ServerFault::Instead(FakeAnswer::Oversized(5)),
    ServerFault::Instead(FakeAnswer::Oversized(80)),
    ServerFault::Instead(FakeAnswer::HttpStatus(200)),
    ServerFault::Instead(FakeAnswer::HttpStatus(404)),
    ServerFault::Instead(FakeAnswer::HttpStatus(500)),
    // OK, but without the message that must come with it.
    ServerFault::Instead(FakeAnswer::GrpcStatus(0)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(1)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(2)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(3)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(4)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(5)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(6)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(7)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(8)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(9)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(10)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(11)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(12)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(13)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(14)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(15)),
    ServerFault::Instead(FakeAnswer::GrpcStatus(16)),
    // This status does not exist.
    ServerFault::Instead(FakeAnswer::GrpcStatus(99)),
];

/// Requests in each row. The first may still use a connection from before the fault, the others cannot.
const REQUESTS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_every_fault_of_the_server_requests_are_denied_and_after_it_they_are_allowed() {
    let mut world = World::start().await;
    world.server.process.stop().await;
    world.server = Server::start_for_full_disks(&world.home).await;
    let mut denied = 0;
    for round in 1..=rounds() {
        for fault in FAULTS {
            wait_until_allowed(&world).await;
            denied += deny_under(*fault, &mut world).await;
            let from = Instant::now();
            let retried = wait_until_allowed(&world).await;
            println!(
                "round {round}: {fault:?}: {REQUESTS} requests denied, allowed again after {:?} ({retried} denied until then)",
                from.elapsed()
            );
        }
    }
    let expected = rounds() * REQUESTS * u64::try_from(FAULTS.len()).unwrap();
    assert_eq!(denied, expected, "requests denied under a fault");
    world.end().await;
}

/// Causes the fault, asserts that all requests are denied, and repairs the server. Returns the number of denials.
async fn deny_under(fault: ServerFault, world: &mut World) -> u64 {
    match fault {
        ServerFault::Killed => {
            world.server.process.kill();
            let denied = all_denied(world).await;
            world.server = Server::start_for_full_disks(&world.home).await;
            denied
        }
        ServerFault::Hung => {
            world.server.process.freeze().await;
            let denied = all_denied(world).await;
            world.server.process.signal(Signal::CONT);
            denied
        }
        ServerFault::DiskFull => {
            world.server.fill_disk();
            let denied = all_denied(world).await;
            // The server continues by itself when there is space.
            world.server.free_disk();
            denied
        }
        ServerFault::Instead(fake) => {
            world.server.process.kill();
            let server = FakeServer::at(&world.home.socket(), fake);
            let denied = all_denied(world).await;
            assert!(server.times_used() >= REQUESTS, "{fake:?} was used {} times", server.times_used());
            drop(server);
            world.server = Server::start_for_full_disks(&world.home).await;
            denied
        }
    }
}

async fn all_denied(world: &World) -> u64 {
    for _ in 0..REQUESTS {
        let request = world.agent.request(&hello(), "GET", "/hello/you");
        world.denies_with_status(&request, STATUS).await;
    }
    REQUESTS
}

/// Waits until a request is allowed. Returns how many were denied before that.
async fn wait_until_allowed(world: &World) -> u32 {
    let mut denied = 0;
    until("a request to be allowed again", async || {
        let request = world.agent.request(&hello(), "GET", "/hello/you");
        let allowed = world.send(&request).await.status == 200;
        denied += u32::from(!allowed);
        allowed.then_some(())
    })
    .await;
    denied
}

/// The only fault that lets requests pass ext_authz: Envoy reads an empty `CheckResponse` as an allow, and no setting of Envoy
/// changes that. So the server has one function that builds answers, and it cannot build an empty one; and the seal requires the
/// stamp of a decision.
#[tokio::test]
async fn behind_the_seal_an_empty_answer_forwards_nothing() {
    let world = asking_a_server_that_answers_nothing(World::start().await).await;
    let request = world.agent.request(&hello(), "GET", "/hello/you");
    world.denies(&request, 403, "ungoverned").await;
    assert!(world.upstream.executions().is_empty());
    world.end().await;
}

#[tokio::test]
async fn without_the_seal_envoy_forwards_a_request_after_an_empty_answer() {
    let change = |shipped: Configuration| shipped.without(GATE).without(SEAL);
    let setup = Setup { change, allow_undecided: true, ..Setup::default() };
    let world = asking_a_server_that_answers_nothing(setup.start().await).await;
    let request = ClientRequest::new("GET", HOST, "/hello/you");
    let _ = world.send(&request).await;
    assert_eq!(world.executions_of(&request), 1, "if this is 0, Envoy has changed: update this test");
    world.end().await;
}

/// Replaces the server by one whose answers are empty, and waits until Envoy asks it.
async fn asking_a_server_that_answers_nothing(mut world: World) -> World {
    world.server.process.stop().await;
    let server = FakeServer::at(&world.home.socket(), FakeAnswer::EmptyCheckResponse);
    until("Envoy to reach the fake server", async || {
        let _ = world.send(&world.agent.request(&hello(), "GET", "/hello/you")).await;
        (server.times_used() > 0).then_some(())
    })
    .await;
    // It answers as long as the world lives.
    std::mem::forget(server);
    world
}
