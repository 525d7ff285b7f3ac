//! The contenders of the bench, each with its own Envoy. All run at the same time and get requests in turn, so that a change
//! of the machine's speed affects all of them.

use portcullis_tests::agent::{Agent, hello};
use portcullis_tests::client::{ClientRequest, get};
use portcullis_tests::condition::until;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::process::Process;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::shipped::{Configuration, EXT_AUTHZ, GATE, SEAL};
use portcullis_tests::world::HOST;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::UnixStream;

use crate::load::{Requests, send};
use crate::table::Costs;

/// One way to guard a route, running.
#[derive(Debug)]
pub struct Contender {
    pub costs: Costs,
    envoy: Envoy,
    server: Option<Process>,
    supply: Supply,
    _directory: TempDir,
}

/// The source of a contender's requests.
#[derive(Debug)]
enum Supply {
    /// The same request every time.
    Same(Arc<Requests>),
    /// One warrant, and a new proof for each request: a proof is valid once, and for half a minute.
    Proofs(Agent, String),
}

impl Contender {
    /// Envoy alone.
    pub async fn nothing() -> Contender {
        let directory = directory();
        let envoy = Envoy::start(&bare(), directory.path()).await;
        Contender::new("nothing", envoy, None, plain(), directory)
    }

    /// A Wasm filter that reads one header.
    pub async fn trivial_filter(module: &Path) -> Contender {
        let directory = directory();
        let envoy = Envoy::start(&bare().with_first(wasm_filter(module)), directory.path()).await;
        Contender::new("a trivial Wasm filter in Rust", envoy, None, plain(), directory)
    }

    /// ext_authz with a server that allows everything.
    pub async fn always_allow(program: &Path) -> Contender {
        let directory = directory();
        let socket = directory.path().join("proxies.sock");
        let mut command = Command::new(program);
        command.arg(&socket);
        let server = Process::start("always-allow", command);
        until("the server to listen", async || UnixStream::connect(&socket).await.ok()).await;
        let configuration = measured().without(GATE).without(SEAL).server_at_socket(&socket);
        let envoy = Envoy::start(&configuration, directory.path()).await;
        Contender::new(ALWAYS_ALLOW, envoy, Some(server), plain(), directory)
    }

    /// Portcullis as shipped: gate, server and seal.
    pub async fn portcullis() -> Contender {
        Contender::ours("portcullis: gate, server and seal", |shipped| shipped).await
    }

    /// Portcullis without the filter in its two positions: the difference to the whole is what they cost.
    pub async fn portcullis_without_filter() -> Contender {
        Contender::ours("portcullis: the server alone", |shipped| shipped.without(GATE).without(SEAL)).await
    }

    async fn ours(name: &'static str, change: fn(Configuration) -> Configuration) -> Contender {
        let directory = directory();
        let home = Home::init(directory.path(), &[]);
        let server = Server::start(&home).await;
        let configuration = measured().filters_at(home.directory()).server_at_socket(&home.socket());
        let envoy = Envoy::start(&change(configuration), directory.path()).await;
        let agent = Agent::at(&home);
        let warrant = agent.warrant(&hello());
        Contender::new(name, envoy, Some(server.process), Supply::Proofs(agent, warrant), directory)
    }

    fn new(
        name: &'static str,
        envoy: Envoy,
        server: Option<Process>,
        supply: Supply,
        directory: TempDir,
    ) -> Contender {
        let costs = Costs::new(name, server.is_some());
        Contender { costs, envoy, server, supply, _directory: directory }
    }

    /// Sends this many requests without measuring.
    pub async fn warm_up(&self, requests: usize) {
        send(self.envoy.address(), self.supply.take(requests), requests).await;
    }

    /// Sends this many requests and adds their costs.
    pub async fn round(&mut self, requests: usize) {
        // Proofs are made before the measurement.
        let supply = self.supply.take(requests);
        let envoy = self.envoy.process.processor_time();
        let server = self.server.as_ref().map(Process::processor_time);
        let wall = send(self.envoy.address(), supply, requests).await;
        let envoy = self.envoy.process.processor_time() - envoy;
        let server = self
            .server
            .as_ref()
            .map(Process::processor_time)
            .zip(server)
            .map(|(after, before)| after - before);
        self.costs.add(requests, envoy, server, wall);
    }

    /// Checks by Envoy's own counter that Envoy asked the server about every request: a server that is not asked looks cheap.
    ///
    /// # Panics
    /// When the counter says otherwise.
    pub async fn check_server_was_asked(&self, requests: usize) {
        let path = "/stats?filter=ext_authz.ok$";
        let stats = get(self.envoy.admin(), path).await.expect("Envoy's administration answers").text();
        let counted =
            stats.rsplit(' ').next().and_then(|count| count.trim().parse::<usize>().ok()).unwrap_or(0);
        let expected = if self.server.is_some() { requests } else { 0 };
        assert_eq!(counted, expected, "{}: requests that ext_authz let through; {stats}", self.costs.name);
    }
}

impl Supply {
    fn take(&self, requests: usize) -> Arc<Requests> {
        match self {
            Supply::Same(requests) => requests.clone(),
            Supply::Proofs(agent, warrant) => {
                let request = ClientRequest::new("GET", HOST, TARGET);
                let headers =
                    || vec![("warrant", warrant.clone()), ("warrant-proof", agent.proof(warrant, &request))];
                Arc::new(Requests {
                    authority: HOST.to_owned(),
                    target: TARGET.to_owned(),
                    headers: std::iter::repeat_with(headers).take(requests).collect(),
                })
            }
        }
    }
}

/// The contender that all others are compared with.
pub const ALWAYS_ALLOW: &str = "ext_authz, a tonic server that allows all";

/// The shipped configuration, but Envoy answers by itself and writes no access log.
fn measured() -> Configuration {
    Configuration::shipped("envoy.yaml").listening_on_loopback(0).answering_directly().without_access_log()
}

fn bare() -> Configuration {
    measured().without(GATE).without(EXT_AUTHZ).without(SEAL)
}

fn plain() -> Supply {
    let requests = Requests { authority: HOST.to_owned(), target: TARGET.to_owned(), headers: Vec::new() };
    Supply::Same(Arc::new(requests))
}

const TARGET: &str = "/hello/you";

fn wasm_filter(module: &Path) -> Value {
    json!({
        "name": "trivial",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": module}},
                },
            },
        },
    })
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("portcullis-bench-").tempdir().expect("a temporary directory")
}
