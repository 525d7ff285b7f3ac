//! Governance under faults, in Envoys of their own beside that of the world: answers that no honest server gives, a server that
//! nobody reaches, VMs that trap, clocks that are wrong, and how much memory it takes.

mod clocks;
mod lying_servers;
mod memory;
mod traps;
mod unreachable;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::client::{ClientRequest, ClientResponse};
use portcullis_tests::envoy::Envoy;
use portcullis_tests::filter_files::FilterFile;
use portcullis_tests::preloaded_faults::PreloadedFaults;
use portcullis_tests::server::Home;
use portcullis_tests::shipped::Configuration;
use portcullis_tests::statement_relay::StatementRelay;
use portcullis_tests::world::World;
use tempfile::TempDir;

/// Statements hold for so long here. Those of the server hold for 30 s, as `seal::governed` shows; these tests need not wait for that.
const STATEMENT: Duration = Duration::from_secs(15);
/// After an answer that can be taken, everything goes on within this time.
const RECOVERED: Duration = Duration::from_secs(2);
/// What a busy machine adds.
const LATE_AT_MOST: Duration = Duration::from_secs(3);

/// The streaming example with the server of this home, an upstream at this address, and its filters from this directory.
fn streaming(home: &Home, upstream: SocketAddr, filters: &Path) -> Configuration {
    Configuration::shipped("streaming.yaml")
        .filters_at(filters)
        .server_at_socket(&home.socket())
        .cluster_at("upstream", upstream)
        .cluster_at("upstream_grpc", upstream)
        .listening_on_loopback(0)
}

/// A request of the agent, with a warrant that outlives the test.
fn request(world: &World, path: &str) -> ClientRequest {
    let warrant = world.agent.warrant(&WarrantSpec { lifetime: 300, ..hello() });
    world.agent.present(&warrant, ClientRequest::new("GET", "localhost", path))
}

/// Sends a request through another Envoy than the world's. Asserts that it was executed only if it was allowed.
async fn send(world: &World, envoy: &Envoy) -> ClientResponse {
    let request = request(world, "/hello/you");
    let response = request.send(envoy.address()).await.expect("Envoy answers every request");
    world.replay_check.note(&response);
    let executions = world.executions_of(&request);
    assert_eq!(executions, usize::from(response.status == 200), "{}", response.text());
    response
}

/// An Envoy with two workers whose filters fetch statements through a relay.
struct Relayed {
    envoy: Envoy,
    relay: StatementRelay,
    _directory: TempDir,
}

impl Relayed {
    /// Its filters have this change too.
    async fn start(world: &World, change: impl Fn(FilterFile) -> FilterFile) -> Relayed {
        let (directory, relay, configuration) = Relayed::prepare(world, change);
        let envoy = Envoy::start_with_workers(2, &configuration, directory.path()).await;
        envoy.until_governed().await;
        Relayed { envoy, relay, _directory: directory }
    }

    /// The same on a machine that gets faults.
    async fn start_with_faults(world: &World) -> (Relayed, PreloadedFaults) {
        let (directory, relay, configuration) = Relayed::prepare(world, |file| file);
        let machine = PreloadedFaults::new(directory.path());
        let envoy = Envoy::start_with_faults(&machine, 2, &configuration, directory.path()).await;
        envoy.until_governed().await;
        (Relayed { envoy, relay, _directory: directory }, machine)
    }

    fn prepare(
        world: &World,
        change: impl Fn(FilterFile) -> FilterFile,
    ) -> (TempDir, StatementRelay, Configuration) {
        let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
        let socket = directory.path().join("relay.sock");
        let relay = StatementRelay::at(&socket, &world.home, STATEMENT);
        FilterFile::copy(&world.home, directory.path(), |file| change(file.fetching_from("statements")));
        let configuration = streaming(&world.home, world.upstream.address(), directory.path());
        let configuration = configuration.with_cluster_like_the_server("statements", &socket);
        (directory, relay, configuration)
    }
}
