//! All of it together, and the sentences that tests are written in.
//!
//! Whatever a world was made for, it ends with questions of its own: was anything asked at all, was anything executed
//! without a decision or twice under one, has something that was denied been executed since, and does the record of it
//! all come out the same where it is judged again?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

use crate::again::Again;
use crate::agent::Agent;
use crate::client::{Answer, Ask};
use crate::court::{Court, Home};
use crate::envoy::Envoy;
use crate::shipped::Configuration;
use crate::upstream::{Hit, Upstream};

/// The authority under which the sample routes are asked; one of the aliases that `init` knows.
pub const HOST: &str = "localhost:10000";

/// Envoy with the gate, the server and an upstream.
#[derive(Debug)]
pub struct World {
    pub envoy: Envoy,
    pub court: Court,
    pub upstream: Upstream,
    pub home: Home,
    pub agent: Agent,
    asked: AtomicU64,
    /// Which asks were denied, and how often each had been executed by then.
    denied: Mutex<BTreeMap<String, usize>>,
    undecided: bool,
    /// Judges it all again when the world ends well.
    pub again: Again,
    directory: TempDir,
}

/// What can be different from one world to the next.
#[derive(Debug)]
pub struct Setup {
    /// Where Envoy listens; 0 for any free port.
    pub port: u16,
    /// Further arguments of `portcullis init`.
    pub init: Vec<String>,
    /// A change of the shipped Envoy configuration.
    pub change: fn(Configuration) -> Configuration,
    /// That executions without a decision are what this world is there to show. Everywhere else one is a failure.
    pub undecided: bool,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup { port: 0, init: Vec::new(), change: |shipped| shipped, undecided: false }
    }
}

impl Setup {
    /// Starts the server, then the upstream, then Envoy.
    ///
    /// # Panics
    /// When any part does not start.
    pub async fn start(self) -> World {
        let directory =
            tempfile::Builder::new().prefix("portcullis-").tempdir().expect("a temporary directory");
        let home = Home::init(directory.path(), &self.init);
        self.around(directory, home).await
    }

    /// The same around a house that somebody else made, in that directory.
    ///
    /// # Panics
    /// When any part does not start.
    pub async fn around(self, directory: TempDir, home: Home) -> World {
        let again = Again::of(&home);
        let court = Court::start(&home).await;
        let upstream = Upstream::start().await;
        let configuration = Configuration::shipped("envoy.yaml")
            .listening_on_loopback(self.port)
            .gate_at(&home.file("gate.yaml"))
            .cluster_at_socket("portcullis", &home.socket())
            .cluster_at("upstream", upstream.address());
        let envoy = Envoy::start(&(self.change)(configuration), directory.path()).await;
        let agent = Agent::at(&home);
        let (asked, denied) = (AtomicU64::new(0), Mutex::default());
        let undecided = self.undecided;
        World { envoy, court, upstream, home, agent, asked, denied, undecided, again, directory }
    }
}

impl World {
    /// As shipped.
    pub async fn start() -> World {
        Setup::default().start().await
    }

    /// As shipped, but for one change of Envoy's configuration.
    pub async fn with(change: fn(Configuration) -> Configuration) -> World {
        Setup { change, ..Setup::default() }.start().await
    }

    /// Where this world keeps its files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Sends a request through Envoy.
    ///
    /// # Panics
    /// When there is no answer: a client of a guarded service always gets one.
    pub async fn send(&self, ask: &Ask) -> Answer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let sent = ask.send(self.envoy.address()).await;
        let answer = sent.unwrap_or_else(|why| panic!("no answer to {ask:?}: {why}"));
        self.again.hears(&answer);
        answer
    }

    /// Lets a client of another make ask Envoy, for as long as it blocks.
    pub fn serves<T>(&self, client: impl FnOnce() -> T) -> T {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::block_in_place(client)
    }

    /// How often a request reached the upstream.
    #[must_use]
    pub fn executions_of(&self, ask: &Ask) -> usize {
        self.upstream.hits().iter().filter(|hit| hit.ask() == Some(&ask.id)).count()
    }

    /// The request passes, under a decision, and is executed once.
    ///
    /// # Panics
    /// When it is not so.
    pub async fn allows(&self, ask: &Ask) -> Answer {
        let before = self.executions_of(ask);
        let answer = self.send(ask).await;
        assert_eq!(answer.status, 200, "denied with {:?}: {}", answer.code(), answer.text());
        assert_eq!(self.executions_of(ask), before + 1, "executions of {ask:?}");
        self.denied.lock().unwrap().remove(&ask.id);
        let hit = self
            .upstream
            .hits()
            .into_iter()
            .rev()
            .find(|hit| hit.ask() == Some(&ask.id))
            .expect("just counted");
        assert!(hit.decision().is_some(), "executed without a decision: {hit:?}");
        answer
    }

    /// The request is denied with this status and code, and does not reach the upstream.
    ///
    /// # Panics
    /// When it is not so.
    pub async fn denies(&self, ask: &Ask, status: u16, code: &str) -> Answer {
        let answer = self.turns_away(ask, status).await;
        assert_eq!(answer.code().as_deref(), Some(code), "{}", answer.text());
        answer
    }

    /// The request is denied with this status, whoever denies it, and does not reach the upstream.
    ///
    /// # Panics
    /// When it is not so.
    pub async fn turns_away(&self, ask: &Ask, status: u16) -> Answer {
        let before = self.executions_of(ask);
        let answer = self.send(ask).await;
        assert_eq!(answer.status, status, "{:?}: {}", answer.code(), answer.text());
        assert_eq!(self.executions_of(ask), before, "denied and executed all the same: {ask:?}");
        self.denied.lock().unwrap().insert(ask.id.clone(), before);
        answer
    }

    fn print_logs(&self) {
        for program in [&self.court.program, &self.envoy.program] {
            eprintln!("---- {} said:\n{}", program.name(), program.log());
        }
        eprintln!("---- the upstream did:");
        for hit in self.upstream.hits() {
            eprintln!("{} {} under {:?}", hit.method, hit.target, hit.decision());
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
            return;
        }
        let undecided: Vec<Hit> =
            self.upstream.hits().into_iter().filter(|hit| hit.decision().is_none()).collect();
        assert!(self.undecided || undecided.is_empty(), "executed without a decision: {undecided:?}");
        let mut executed: BTreeMap<String, usize> = BTreeMap::new();
        for ask in self.upstream.hits().iter().filter_map(Hit::ask) {
            *executed.entry(ask.to_owned()).or_default() += 1;
        }
        for (ask, before) in &*self.denied.lock().unwrap() {
            let now = executed.get(ask).copied().unwrap_or_default();
            assert_eq!(now, *before, "ask {ask} was denied, and executed after that");
        }
        let twice = self.upstream.executed_twice();
        assert!(twice.is_empty(), "more than one execution under one decision: {twice:?}");
        assert!(self.asked.load(Ordering::Relaxed) > 0, "nothing was asked: this test shows nothing");
        let executed: BTreeSet<String> =
            self.upstream.hits().iter().filter_map(Hit::decision).map(str::to_owned).collect();
        self.again.judge(&mut self.court, executed);
    }
}
