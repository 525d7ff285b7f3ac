//! A proxy without Envoy: it asks a server over its socket, as Envoy would, and measures what the server needs.

use hyper::body::Bytes;
use portcullis_tests::agent::{Agent, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::direct_check::{ProxyConnection, Source, framed};
use portcullis_tests::process::Process;
use portcullis_tests::server::Home;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::HOST;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::contenders::publish;
use crate::cores;

/// Connections to the server: those of a proxy with two threads.
pub const CONNECTIONS: usize = 2;

/// How long a proxy waits for an answer: the `timeout` of our configuration for Envoy.
const WAITS: Duration = Duration::from_millis(1000);

/// A server that has one core for itself, and the proxy that asks it.
#[derive(Debug)]
pub struct Direct {
    pub server: Process,
    pub connections: Vec<ProxyConnection>,
    socket: PathBuf,
    agent: Arc<Agent>,
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectAnswer {
    Allowed,
    Denied(String),
    /// None while the proxy waited.
    Missing,
}

/// The answers to the checks of one measurement.
#[derive(Debug, Default)]
pub struct Answers {
    pub allowed: Vec<Duration>,
    /// How many were denied for each reason, and how long the slowest of them took.
    pub denied: BTreeMap<String, (usize, Duration)>,
    pub missing: usize,
    pub took: Duration,
}

impl Answers {
    /// Allowed checks in a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.allowed.len() as f64 / self.took.as_secs_f64()
    }

    /// The time within which this part of the allowed checks was answered.
    #[must_use]
    pub fn within(&self, part: f64) -> Duration {
        let mut sorted = self.allowed.clone();
        sorted.sort_unstable();
        let place = (sorted.len() as f64 * part) as usize;
        sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    pub fn add(&mut self, answer: DirectAnswer, after: Duration) {
        match answer {
            DirectAnswer::Allowed => self.allowed.push(after),
            DirectAnswer::Denied(code) => {
                let (count, slowest) = self.denied.entry(code).or_default();
                *count += 1;
                *slowest = after.max(*slowest);
            }
            DirectAnswer::Missing => self.missing += 1,
        }
    }
}

async fn connect(socket: &Path, count: usize) -> Vec<ProxyConnection> {
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(ProxyConnection::to(socket).await);
    }
    connections
}

/// Nobody reports outcomes here, so every allowed request counts as one that runs until its route ends it.
fn let_requests_end_soon(home: &Home) {
    let short = |route: &mut Value| route["spec"]["maxStream"] = "1s".into();
    publish(home, &UnsignedBundle::of(home).version(2).edit("routes/demo/hello.json", short));
}

impl Direct {
    /// Starts a server, this program, in a home directory that was made for it.
    ///
    /// # Panics
    /// When it does not answer, or denies.
    pub async fn start(program: &Path, home: &Home) -> Direct {
        let_requests_end_soon(home);
        cores::run_on(cores::MEASURED);
        let mut command = Command::new(program);
        command.args(["serve", "--config"]).arg(home.file("portcullis.yaml"));
        let server = Process::start("portcullis", command);
        cores::run_on(cores::LOAD);
        until("the server to listen", async || UnixStream::connect(home.socket()).await.ok()).await;
        let socket = home.socket();
        let (connections, agent) = (connect(&socket, CONNECTIONS).await, Arc::new(Agent::at(home)));
        let direct = Direct { server, connections, socket, agent };
        until("the server to allow", async || {
            let check = direct.checks(1).await.pop()?;
            (ask(direct.connections[0].clone(), check).await == DirectAnswer::Allowed).then_some(())
        })
        .await;
        direct
    }

    /// So many further connections.
    pub async fn connect(&self, count: usize) -> Vec<ProxyConnection> {
        connect(&self.socket, count).await
    }

    /// All have one warrant, and each a proof of its own. They are made before the measurement, on another thread: the server ends a connection that
    /// does not answer its pings.
    ///
    /// # Panics
    /// When a proof cannot be made.
    pub async fn checks(&self, count: usize) -> Vec<Bytes> {
        let agent = Arc::clone(&self.agent);
        let make = move || {
            let warrant = agent.warrant(&hello());
            let request = ClientRequest::new("GET", HOST, "/hello/you");
            let one = || {
                let proof = agent.proof(&warrant, &request);
                let request = request.clone().with("warrant", warrant.clone()).with("warrant-proof", proof);
                framed(Source::default(), &request)
            };
            std::iter::repeat_with(one).take(count).collect()
        };
        tokio::task::spawn_blocking(make).await.expect("no panic")
    }

    /// Sends the next check when there is an answer to one before it; so many are unanswered at once.
    ///
    /// # Panics
    /// When a connection ends.
    pub async fn ask_in_turn(&self, checks: Vec<Bytes>, at_once: usize) -> Answers {
        let (from, checks) = (Instant::now(), Arc::new(Mutex::new(checks)));
        let mut callers = JoinSet::new();
        for n in 0..at_once {
            let (connection, checks) = (self.connections[n % CONNECTIONS].clone(), Arc::clone(&checks));
            callers.spawn(async move {
                let mut answers = Vec::new();
                loop {
                    let Some(check) = checks.lock().expect("no panic").pop() else { return answers };
                    let sent = Instant::now();
                    answers.push((ask(connection.clone(), check).await, sent.elapsed()));
                }
            });
        }
        let mut all = Answers::default();
        while let Some(answers) = callers.join_next().await {
            answers.expect("no panic").into_iter().for_each(|(answer, after)| all.add(answer, after));
        }
        all.took = from.elapsed();
        all
    }
}

/// Asks about one check.
///
/// # Panics
/// When the connection ends.
pub async fn ask(mut connection: ProxyConnection, check: Bytes) -> DirectAnswer {
    match tokio::time::timeout(WAITS, connection.ask(check)).await {
        Ok(None) => DirectAnswer::Allowed,
        Ok(Some(code)) => DirectAnswer::Denied(code),
        Err(_) => DirectAnswer::Missing,
    }
}
