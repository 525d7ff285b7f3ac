//! The table of faults. One row: something goes wrong with the server, and until it is right again every request is
//! denied with the status of the row and none is executed. Before and after, requests pass: a world in which nothing
//! passes would prove nothing.
//!
//! `PORTCULLIS_ROUNDS` repeats the table.

use portcullis_tests::agent::hello;
use portcullis_tests::client::Ask;
use portcullis_tests::condition::until;
use portcullis_tests::court::Court;
use portcullis_tests::fake::{Fake, FakeCourt};
use portcullis_tests::shipped::GATE;
use portcullis_tests::world::{HOST, Setup, World};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// `kill -9`.
    Killed,
    /// Stopped in its tracks: it listens, and nobody answers.
    Hung,
    /// The kernel refuses to write another byte of the ledger.
    DiskFull,
    /// Something else stands in the server's place.
    Instead(Fake),
}

const LATE: Duration = Duration::from_millis(1500);

/// Fault, status that the client sees.
const FAULTS: &[(Fault, u16)] = &[
    (Fault::Killed, 503),
    (Fault::Hung, 503),
    (Fault::DiskFull, 503),
    (Fault::Instead(Fake::Silence), 503),
    (Fault::Instead(Fake::LateAllow(LATE)), 503),
    (Fault::Instead(Fake::HangUp), 503),
    (Fault::Instead(Fake::GarbageBytes(1)), 503),
    (Fault::Instead(Fake::GarbageBytes(2)), 503),
    (Fault::Instead(Fake::GarbageBytes(3)), 503),
    (Fault::Instead(Fake::GarbageMessage), 503),
    (Fault::Instead(Fake::Oversized(5)), 503),
    (Fault::Instead(Fake::Oversized(80)), 503),
    (Fault::Instead(Fake::HttpStatus(200)), 503),
    (Fault::Instead(Fake::HttpStatus(404)), 503),
    (Fault::Instead(Fake::HttpStatus(500)), 503),
    // OK, but without the message that it promises.
    (Fault::Instead(Fake::GrpcStatus(0)), 503),
    (Fault::Instead(Fake::GrpcStatus(1)), 503),
    (Fault::Instead(Fake::GrpcStatus(2)), 503),
    (Fault::Instead(Fake::GrpcStatus(3)), 503),
    (Fault::Instead(Fake::GrpcStatus(4)), 503),
    (Fault::Instead(Fake::GrpcStatus(5)), 503),
    (Fault::Instead(Fake::GrpcStatus(6)), 503),
    (Fault::Instead(Fake::GrpcStatus(7)), 503),
    (Fault::Instead(Fake::GrpcStatus(8)), 503),
    (Fault::Instead(Fake::GrpcStatus(9)), 503),
    (Fault::Instead(Fake::GrpcStatus(10)), 503),
    (Fault::Instead(Fake::GrpcStatus(11)), 503),
    (Fault::Instead(Fake::GrpcStatus(12)), 503),
    (Fault::Instead(Fake::GrpcStatus(13)), 503),
    (Fault::Instead(Fake::GrpcStatus(14)), 503),
    (Fault::Instead(Fake::GrpcStatus(15)), 503),
    (Fault::Instead(Fake::GrpcStatus(16)), 503),
    // No such status exists.
    (Fault::Instead(Fake::GrpcStatus(99)), 503),
];

/// Requests a row: the first may still meet a connection of before, the others cannot.
const ASKED: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_the_server_denies_and_passes() {
    let mut world = World::start().await;
    world.court.program.stop().await;
    world.court = Court::start_for_full_disks(&world.home).await;
    let mut denied = 0;
    for round in 1..=rounds() {
        for (fault, status) in FAULTS {
            is_allowed_again(&world).await;
            denied += suffer(&mut world, *fault, *status).await;
            let from = Instant::now();
            let retried = is_allowed_again(&world).await;
            println!(
                "round {round}: {fault:?}: {ASKED} denied with {status}, then allowed again after {:?} ({retried} denied meanwhile)",
                from.elapsed()
            );
        }
    }
    let expected = rounds() * ASKED * u64::try_from(FAULTS.len()).unwrap();
    assert_eq!(denied, expected, "requests denied under a fault");
}

/// Inflicts the fault, sees that all requests are denied, and cures it.
async fn suffer(world: &mut World, fault: Fault, status: u16) -> u64 {
    match fault {
        Fault::Killed => {
            world.court.program.kill();
            let denied = all_turned_away(world, status).await;
            world.court = Court::start_for_full_disks(&world.home).await;
            denied
        }
        Fault::Hung => {
            world.court.program.freeze().await;
            let denied = all_turned_away(world, status).await;
            world.court.program.signal(Signal::CONT);
            denied
        }
        Fault::DiskFull => {
            world.court.disk_full();
            let denied = all_turned_away(world, status).await;
            // Room again: it goes on by itself.
            world.court.disk_has_room();
            denied
        }
        Fault::Instead(fake) => {
            world.court.program.kill();
            let court = FakeCourt::at(&world.home.socket(), fake);
            let denied = all_turned_away(world, status).await;
            assert!(court.times_exerted() >= ASKED, "{fake:?} was asked {} times", court.times_exerted());
            drop(court);
            world.court = Court::start_for_full_disks(&world.home).await;
            denied
        }
    }
}

async fn all_turned_away(world: &World, status: u16) -> u64 {
    for _ in 0..ASKED {
        let ask = world.agent.asks(&hello(), "GET", "/hello/you");
        world.turns_away(&ask, status).await;
    }
    ASKED
}

/// Waits until a request passes; how many were denied before it did.
async fn is_allowed_again(world: &World) -> u32 {
    let mut denied = 0;
    until("a request to be allowed again", async || {
        let ask = world.agent.asks(&hello(), "GET", "/hello/you");
        let allowed = world.send(&ask).await.status == 200;
        denied += u32::from(!allowed);
        allowed.then_some(())
    })
    .await;
    denied
}

#[expect(clippy::disallowed_methods, reason = "how the long run tells its length")]
fn rounds() -> u64 {
    std::env::var("PORTCULLIS_ROUNDS")
        .map_or(1, |rounds| rounds.parse().expect("PORTCULLIS_ROUNDS is a number"))
}

/// The one fault that opens: Envoy takes a `CheckResponse` with nothing in it for an allow. No setting of Envoy changes
/// that, so our server has one function that builds answers, which cannot build an empty one; and a seal behind
/// ext_authz, which asks for the stamp of a decision, is what closes it on Envoy's side.
#[tokio::test]
async fn envoy_forwards_on_an_empty_answer_which_is_why_ours_can_build_none() {
    let setup = Setup { change: |shipped| shipped.without(GATE), undecided: true, ..Setup::default() };
    let mut world = setup.start().await;
    world.court.program.stop().await;
    let court = FakeCourt::at(&world.home.socket(), Fake::EmptyCheckResponse);
    let ask = Ask::new("GET", HOST, "/hello/you");
    until("the fake to be asked", async || {
        let _ = world.send(&ask).await;
        (court.times_exerted() > 0).then_some(())
    })
    .await;
    assert_eq!(
        world.executions_of(&ask),
        1,
        "if this is 0, Envoy has changed or something behind it seals: say so here"
    );
}
