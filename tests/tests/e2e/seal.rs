//! The seal: however a request comes past ext_authz, it reaches no upstream without the stamp of a decision about exactly this
//! request. And a stream that was allowed ends when its time is over, or when it would not be allowed any more.

mod family;
mod governed;
mod judged_again;
mod many;
mod openings;
mod races;
mod stream_set;
mod streams;

use portcullis_tests::client::{ClientRequest, EndedStream};
use portcullis_tests::condition::until;
use portcullis_tests::server::Home;
use portcullis_tests::shipped::Configuration;
use portcullis_tests::world::{Setup, World};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use warrant::PresentedWarrant;

pub(crate) const ISSUER: &str = "https://authority.demo";

/// A world whose Envoy has two workers, and does not end streams by itself.
pub(crate) async fn two_workers() -> World {
    Setup { workers: 2, ..streaming() }.start().await
}

/// What a world with streams starts with.
fn streaming() -> Setup {
    Setup { example: "streaming.yaml", change: Configuration::for_many_streams, ..Setup::default() }
}

/// A home whose server takes its time to decide: how fast it is on a busy machine is not what these tests are about.
fn patient_home(directory: &TempDir) -> Home {
    let home = Home::init(directory.path(), &[]);
    home.configure(|configuration| configuration["limits"]["deadlineMilliseconds"] = 10_000.into());
    home
}

/// Starts streams with this warrant.
pub(crate) fn streams(
    world: &World,
    warrant: &str,
    path: &str,
    count: usize,
) -> Vec<JoinHandle<EndedStream>> {
    let address = world.envoy.address();
    let stream = |_| {
        let request = world.agent.present(warrant, ClientRequest::new("GET", "localhost", path));
        tokio::spawn(async move { request.stream(address).await })
    };
    (0..count).map(stream).collect()
}

/// Waits until the upstream has so many streams.
pub(crate) async fn until_open(world: &World, count: usize) {
    until("the streams to run", async || (world.upstream.open_streams() == count).then_some(())).await;
}

/// The id of a warrant's root.
pub(crate) fn jti(warrant: &str) -> String {
    let root = PresentedWarrant::parse(warrant.as_bytes()).unwrap();
    root.unverified_claims().unwrap().swap_remove(0).jti().to_owned()
}
