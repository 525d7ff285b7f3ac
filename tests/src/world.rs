//! A world is Envoy with the gate, the server and an upstream, running together. It may not know what a policy says.
//!
//! Every test ends its world with [`World::end`], which checks what must hold whatever the test was about.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

use crate::agent::Agent;
use crate::client::{ClientRequest, ClientResponse};
use crate::condition::until;
use crate::envoy::Envoy;
use crate::operator::call_api;
use crate::raw::{self, RawAnswers};
use crate::raw_h2;
use crate::replay_check::ReplayCheck;
use crate::server::{Home, Server};
use crate::shipped::Configuration;
use crate::tls_client::TlsClient;
use crate::upstream::{Execution, Upstream};

/// The authority of the sample routes. `init` knows it as one of the aliases of `localhost`.
pub const HOST: &str = "localhost:10000";

/// Envoy with the gate, the server and an upstream.
#[derive(Debug)]
pub struct World {
    pub envoy: Envoy,
    pub server: Server,
    pub upstream: Upstream,
    pub home: Home,
    pub agent: Agent,
    sent: AtomicU64,
    /// The ids of denied requests, each with the number of its executions at that time.
    denied: Mutex<BTreeMap<String, usize>>,
    allow_undecided: bool,
    /// Judges every decision a second time when the world ends.
    pub replay_check: ReplayCheck,
    directory: TempDir,
    has_ended: bool,
}

/// What a test can change about its world.
#[derive(Debug)]
pub struct Setup {
    /// The port that Envoy listens on; 0 means any free port.
    pub port: u16,
    /// Envoy's worker threads.
    pub workers: u64,
    /// Further arguments of `portcullis init`.
    pub init: Vec<String>,
    /// The file of `envoy/` that Envoy runs.
    pub example: &'static str,
    /// A change of it.
    pub change: fn(Configuration) -> Configuration,
    /// Clusters of the example that only this test has, and where they are.
    pub clusters: Vec<(&'static str, SocketAddr)>,
    /// The file with the roots of systems outside the mesh.
    pub public_roots: Option<PathBuf>,
    /// Where Envoy finds the upstream, if it is not the upstream of this world.
    pub upstream_at: Option<SocketAddr>,
    /// The directory with a sidecar's files for mutual TLS.
    pub tls: Option<PathBuf>,
    /// The directory with the files of a listener that asks clients for certificates.
    pub clients: Option<PathBuf>,
    /// True for a test whose filters get no governance statement at first.
    pub ungoverned: bool,
    /// True for a test that shows executions without a decision. In every other test such an execution is a failure.
    pub allow_undecided: bool,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            port: 0,
            workers: 1,
            init: Vec::new(),
            example: "envoy.yaml",
            change: |shipped| shipped,
            clusters: Vec::new(),
            public_roots: None,
            upstream_at: None,
            tls: None,
            clients: None,
            ungoverned: false,
            allow_undecided: false,
        }
    }
}

impl Setup {
    /// Makes a home directory and starts the server, the upstream and Envoy.
    ///
    /// # Panics
    /// When any part does not start.
    pub async fn start(self) -> World {
        let directory =
            tempfile::Builder::new().prefix("portcullis-").tempdir().expect("a temporary directory");
        let home = Home::init(directory.path(), &self.init);
        self.start_in(directory, home).await
    }

    /// The same with a home directory that the test has made in `directory`.
    ///
    /// # Panics
    /// When any part does not start.
    pub async fn start_in(self, directory: TempDir, home: Home) -> World {
        let replay_check = ReplayCheck::new(&home);
        let server = Server::start(&home).await;
        let upstream = Upstream::start().await;
        let upstream_at = self.upstream_at.unwrap_or(upstream.address());
        let configuration = self.shipped(&home, &server, upstream_at).listening_on_loopback(self.port);
        let configuration = (self.change)(configuration);
        let envoy = Envoy::start_with_workers(self.workers, &configuration, directory.path()).await;
        if !self.ungoverned {
            envoy.until_governed().await;
        }
        let agent = Agent::at(&home);
        World {
            envoy,
            server,
            upstream,
            home,
            agent,
            sent: AtomicU64::new(0),
            denied: Mutex::default(),
            allow_undecided: self.allow_undecided,
            replay_check,
            directory,
            has_ended: false,
        }
    }

    /// The example, with the parts of this world.
    fn shipped(&self, home: &Home, server: &Server, upstream: SocketAddr) -> Configuration {
        let shipped = Configuration::shipped(self.example).filters_at(home.directory());
        let files = |place: &Option<PathBuf>| place.clone().expect("this example has files for TLS");
        match self.example {
            "istio-custom.yaml" => {
                shipped.istio_files_at(&files(&self.clients)).of_istio_around(&home.socket(), upstream)
            }
            "sidecar.yaml" => {
                let sidecar = shipped.server_over_tls(server.proxies(), &files(&self.tls));
                sidecar.cluster_at("upstream", upstream)
            }
            "egress.yaml" => {
                let roots = files(&self.public_roots);
                let egress = shipped.server_at_socket(&home.socket()).public_roots_at(&roots);
                self.clusters.iter().fold(egress, |egress, (name, at)| egress.cluster_at(name, *at))
            }
            other => {
                let shipped = shipped.server_at_socket(&home.socket()).cluster_at("upstream", upstream);
                let shipped = match other {
                    "streaming.yaml" => shipped.cluster_at("upstream_grpc", upstream),
                    _ => shipped,
                };
                match &self.clients {
                    None => shipped,
                    Some(files) => shipped.asking_clients_for_certificates(files),
                }
            }
        }
    }
}

impl World {
    /// A world as shipped.
    pub async fn start() -> World {
        Setup::default().start().await
    }

    /// A world as shipped, with one change of Envoy's configuration.
    pub async fn with(change: fn(Configuration) -> Configuration) -> World {
        Setup { change, ..Setup::default() }.start().await
    }

    /// The directory with the files of this world.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Sends a request through Envoy.
    ///
    /// # Panics
    /// When there is no response: Envoy answers every request.
    pub async fn send(&self, request: &ClientRequest) -> ClientResponse {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let sent = request.send(self.envoy.address()).await;
        let response = sent.unwrap_or_else(|why| panic!("no response to {request:?}: {why}"));
        self.replay_check.note(&response);
        response
    }

    /// Sends a request through Envoy as this client, over TLS.
    ///
    /// # Panics
    /// When there is no response.
    pub async fn send_as(&self, client: &TlsClient, request: &ClientRequest) -> ClientResponse {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let stream = client.connect(self.envoy.address()).await.expect("Envoy speaks TLS");
        let sent = request.send_over(stream).await;
        let response = sent.unwrap_or_else(|why| panic!("no response to {request:?}: {why}"));
        self.replay_check.note(&response);
        response
    }

    /// Sends these bytes to Envoy over a connection of their own, and reads all responses. It expects `count` of them.
    pub async fn send_raw(&self, bytes: &[u8], count: usize) -> RawAnswers {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let answers = raw::exchange(self.envoy.address(), bytes, count).await;
        for answer in &answers.responses {
            self.replay_check.note(answer);
        }
        answers
    }

    /// The same over HTTP/2, with these fields. Returns the status, if there is an answer.
    pub async fn send_raw_h2(&self, fields: &[raw_h2::Field]) -> Option<u16> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        raw_h2::exchange(self.envoy.address(), fields).await
    }

    /// Runs a blocking client of another kind that sends requests to Envoy.
    pub fn run_other_client<T>(&self, client: impl FnOnce() -> T) -> T {
        self.sent.fetch_add(1, Ordering::Relaxed);
        tokio::task::block_in_place(client)
    }

    /// Waits until every thread of Envoy's filters has what was recorded up to now. If that changed nothing for them, it may take
    /// five seconds.
    ///
    /// # Panics
    /// When they do not in time.
    pub async fn until_gates_know(&self) {
        let list = call_api(&self.home, "GET", "/v1/proxies", &Value::Null).await.1;
        self.until_gates_have(list["as_of"].as_u64().expect("a size").saturating_sub(1)).await;
    }

    /// Waits until every thread of Envoy's filters has the fact at this index.
    ///
    /// # Panics
    /// When they do not in time.
    pub async fn until_gates_have(&self, index: u64) {
        let size = index + 1;
        until("the filters to have what is on record", async || {
            let list = call_api(&self.home, "GET", "/v1/proxies", &Value::Null).await.1;
            let proxies = list["proxies"].as_array().expect("a list");
            let has = |proxy: &Value| ["seq", "judged"].iter().all(|name| proxy[name].as_u64() >= Some(size));
            (!proxies.is_empty() && proxies.iter().all(has)).then_some(())
        })
        .await;
    }

    /// How often a request reached the upstream.
    #[must_use]
    pub fn executions_of(&self, request: &ClientRequest) -> usize {
        let executions = self.upstream.executions();
        executions.iter().filter(|execution| execution.request_id() == Some(&request.id)).count()
    }

    /// Sends a request and asserts that it was executed once, under a decision.
    ///
    /// # Panics
    /// When it was not.
    pub async fn allows(&self, request: &ClientRequest) -> ClientResponse {
        let before = self.executions_of(request);
        let response = self.send(request).await;
        assert_eq!(response.status, 200, "denied with {:?}: {}", response.code(), response.text());
        let claim = response.headers.get("warrant-denial");
        assert!(claim.is_none(), "executed, but it looks denied: {claim:?}");
        assert_eq!(self.executions_of(request), before + 1, "executions of {request:?}");
        self.denied.lock().unwrap().remove(&request.id);
        let executions = self.upstream.executions();
        let last = executions.iter().rev().find(|execution| execution.request_id() == Some(&request.id));
        let last = last.expect("the count has just risen");
        assert!(last.decision().is_some(), "executed without a decision: {last:?}");
        response
    }

    /// Sends a request and asserts that it was denied with this status and code, and not executed.
    ///
    /// # Panics
    /// When it was not so.
    pub async fn denies(&self, request: &ClientRequest, status: u16, code: &str) -> ClientResponse {
        let response = self.denies_with_status(request, status).await;
        assert_eq!(response.code().as_deref(), Some(code), "{}", response.text());
        response
    }

    /// The same for a denial whose code does not matter: Envoy's own denials have none.
    ///
    /// # Panics
    /// When it was not so.
    pub async fn denies_with_status(&self, request: &ClientRequest, status: u16) -> ClientResponse {
        let before = self.executions_of(request);
        let response = self.send(request).await;
        assert_eq!(response.status, status, "{:?}: {}", response.code(), response.text());
        assert_eq!(self.executions_of(request), before, "denied, but executed: {request:?}");
        self.denied.lock().unwrap().insert(request.id.clone(), before);
        response
    }

    /// Ends this world, and checks what every test promises:
    ///
    /// - the test sent at least one request;
    /// - no request was executed without a decision;
    /// - no denied request was executed afterwards;
    /// - no decision was executed twice;
    /// - a second process judges every recorded decision and gets the same bytes.
    ///
    /// # Panics
    /// When one of these does not hold.
    pub async fn end(mut self) {
        let executions = self.upstream.executions();
        let undecided: Vec<&Execution> =
            executions.iter().filter(|execution| execution.decision().is_none()).collect();
        assert!(self.allow_undecided || undecided.is_empty(), "executed without a decision: {undecided:?}");
        for (request, before) in &*self.denied.lock().unwrap() {
            let now = executions.iter().filter(|execution| execution.request_id() == Some(request)).count();
            assert_eq!(now, *before, "request {request} was denied, and then executed");
        }
        let twice = self.upstream.decisions_executed_twice();
        assert!(twice.is_empty(), "more than one execution under one decision: {twice:?}");
        assert!(self.sent.load(Ordering::Relaxed) > 0, "no request was sent: this test shows nothing");
        let executed: BTreeSet<String> =
            executions.iter().filter_map(Execution::decision).map(str::to_owned).collect();
        self.replay_check.run(&mut self.server, executed).await;
        self.has_ended = true;
    }

    fn print_logs(&self) {
        for process in [&self.server.process, &self.envoy.process] {
            eprintln!("---- log of {}:\n{}", process.name(), process.log());
        }
        eprintln!("---- executions by the upstream:");
        for execution in self.upstream.executions() {
            eprintln!("{} {} under {:?}", execution.method, execution.target, execution.decision());
        }
    }
}

/// Checks nothing by itself: the last check has to wait for the server to stop, and `drop` cannot wait.
///
/// But it fails a test that forgot [`World::end`]. A function that takes the test as a closure and ends the world itself
/// would need no such check at run time; but it would indent every test, and several tests build their world in a helper or
/// share it with spawned tasks. A forgotten `end` fails at the first run of the test, so it cannot go unnoticed.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
        } else {
            assert!(self.has_ended, "this test did not end its world: call world.end().await");
        }
    }
}
