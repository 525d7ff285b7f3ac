//! What a user would pick instead: other ext_authz servers. A server that allows everything, one that gives the same answer as
//! ours, Open Policy Agent, and any other server that `PEER` names.

use portcullis_tests::agent::Agent;
use portcullis_tests::condition::until;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::process::Process;
use portcullis_tests::programs;
use portcullis_tests::server::Home;
use portcullis_tests::shipped::{Configuration, EXT_AUTHZ, GATE, SEAL};
use portcullis_tests::signed_bundles::jwk;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tokio::net::{TcpStream, UnixStream};

use super::home::{
    answer_to_mtls, answer_to_proof, certificates, different, long_lived, of_caller, paced, same, unread,
};
use super::{Choice, Contender, Supply, choice, directory, measured};

pub(super) const CHOICES: &[Choice] = &[
    choice!(
        "always-allow",
        "ext_authz, a tonic server that allows all, with the shortest answer",
        always_allow
    ),
    choice!(
        "same-answer",
        "ext_authz, a tonic server that allows all, with an answer like ours",
        same_answer
    ),
    choice!("same-answer-mtls", "the same over mutual TLS with the client", same_answer_mtls),
    choice!("opa-cold", "ext_authz, opa-envoy-plugin, ES256 tokens never seen before", opa_cold),
    choice!("opa-warm", "ext_authz, opa-envoy-plugin with its cache, an ES256 token seen before", opa_warm),
    choice!("peer", "ext_authz, the server at $PEER", peer),
];

async fn always_allow(name: &'static str) -> Option<Contender> {
    let directory = directory();
    let server = AllowingServer::start(directory.path(), None).await;
    let supply = unread(directory.path());
    Some(server.behind_envoy(name, directory, supply).await)
}

async fn same_answer(name: &'static str) -> Option<Contender> {
    let directory = directory();
    let server = AllowingServer::start(directory.path(), Some(&answer_to_proof().await)).await;
    let supply = unread(directory.path());
    Some(server.behind_envoy(name, directory, supply).await)
}

async fn same_answer_mtls(name: &'static str) -> Option<Contender> {
    let directory = directory();
    let server = AllowingServer::start(directory.path(), Some(&answer_to_mtls().await)).await;
    let agent = Agent::at(&Home::init(directory.path(), &[]));
    let supply = same(vec![("warrant", agent.warrant(&of_caller()))]);
    let (files, client, _) = certificates(directory.path());
    let configuration = measured().without(GATE).without(SEAL).server_at_socket(&server.socket);
    let configuration = configuration.asking_clients_for_certificates(&files);
    let envoy = Envoy::start(&configuration, directory.path()).await;
    Some(Contender::new(name, envoy, supply, directory).asking(server.process).over_tls(client))
}

/// The program `always-allow`.
struct AllowingServer {
    process: Process,
    socket: PathBuf,
}

impl AllowingServer {
    async fn start(directory: &Path, answer: Option<&[u8]>) -> AllowingServer {
        let here = std::env::current_exe().expect("a running program has a path");
        let socket = directory.join("proxies.sock");
        let mut command = Command::new(here.with_file_name("always-allow"));
        command.arg(&socket);
        if let Some(answer) = answer {
            let file = directory.join("answer");
            portcullis_tests::signed_bundles::write(&file, answer);
            command.arg(file);
        }
        let process = Process::start("always-allow", command);
        until("the server to listen", async || UnixStream::connect(&socket).await.ok()).await;
        AllowingServer { process, socket }
    }

    async fn behind_envoy(self, name: &'static str, directory: TempDir, supply: Supply) -> Contender {
        let configuration = measured().without(GATE).without(SEAL).server_at_socket(&self.socket);
        let envoy = Envoy::start(&configuration, directory.path()).await;
        Contender::new(name, envoy, supply, directory).asking(self.process)
    }
}

/// The environment of this program: which other servers there are.
#[derive(Clone, Copy, Debug)]
enum Peer {
    /// The address of a running ext_authz server.
    Address,
    /// The path of the program that `benches/peers/opa/build.sh` builds.
    Opa,
}

impl Peer {
    /// The value, if it is set.
    #[expect(
        clippy::disallowed_methods,
        reason = "who runs the bench names other servers in the environment"
    )]
    fn named(self) -> Option<String> {
        let variable = match self {
            Peer::Address => "PEER",
            Peer::Opa => "OPA",
        };
        std::env::var(variable).ok()
    }
}

/// Its processor time is not counted, since it may run elsewhere: the table says what it costs Envoy.
async fn peer(name: &'static str) -> Option<Contender> {
    let address: SocketAddr = Peer::Address.named()?.parse().expect("PEER is an address with a port");
    let directory = directory();
    let envoy = Envoy::start(&asking_at(address), directory.path()).await;
    let supply = unread(directory.path());
    Some(Contender { asks_a_peer: true, ..Contender::new(name, envoy, supply, directory) })
}

async fn opa_cold(name: &'static str) -> Option<Contender> {
    opa(name, |agent| paced(different(move || vec![("warrant", agent.warrant(&long_lived()))]))).await
}

async fn opa_warm(name: &'static str) -> Option<Contender> {
    opa(name, |agent| same(vec![("warrant", agent.warrant(&long_lived()))])).await
}

async fn opa(name: &'static str, supply: impl FnOnce(Agent) -> Supply) -> Option<Contender> {
    let program = Peer::Opa.named()?;
    let directory = directory();
    let agent = Agent::at(&Home::init(directory.path(), &[]));
    let recipe = programs::repository().join("benches/peers/opa");
    let mut key = jwk(&agent.authority);
    key["kid"] = "a1".into();
    let data = json!({"keys": json!({"keys": [key]}).to_string()});
    let data_file = directory.path().join("data.json");
    portcullis_tests::signed_bundles::write(&data_file, data.to_string().as_bytes());
    let address = free_address();
    let mut command = Command::new(program);
    command.args(["run", "--server", "--disable-telemetry", "--log-level", "error"]);
    command.args(["--addr", "127.0.0.1:0", "--config-file"]).arg(recipe.join("config.yaml"));
    command.args(["--set", &format!("plugins.envoy_ext_authz_grpc.addr={address}")]);
    command.arg(recipe.join("policy.rego")).arg(&data_file);
    let mut server = Process::start("opa", command);
    until("the server to listen", async || {
        server.assert_runs();
        TcpStream::connect(address).await.ok()
    })
    .await;
    let envoy = Envoy::start(&asking_at(address), directory.path()).await;
    let supply = supply(agent);
    Some(Contender::new(name, envoy, supply, directory).asking(server))
}

/// Envoy asks a server of somebody else at this address. Such a server reads `headers`, which Envoy fills only without raw headers.
fn asking_at(address: SocketAddr) -> Configuration {
    let without_raw_headers =
        |filter: &mut Value| filter["typed_config"]["encode_raw_headers"] = false.into();
    let configuration = measured().without(GATE).without(SEAL).with_changed(EXT_AUTHZ, without_raw_headers);
    configuration.cluster_at("portcullis", address).cluster_at("portcullis_access_log", address)
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has an address")
}
