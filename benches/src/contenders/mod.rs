//! The contenders of the bench, each with its own Envoy. All run at the same time and get requests in turn, so that a change
//! of the machine's speed affects all of them. Which there are, and what each is, stands in the files of this folder.

mod bare;
mod gate;
mod home;
mod ours;
mod rivals;
pub mod settings;

use portcullis_tests::client::get;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::process::Process;
use portcullis_tests::server::Server;
use portcullis_tests::shipped::{Configuration, EXT_AUTHZ, GATE, SEAL};
use portcullis_tests::tls_client::TlsClient;
use std::pin::Pin;
use std::sync::Arc;
use tempfile::TempDir;

use crate::cores;
use crate::load::{Connections, Requests};
use crate::measuring::{Round, Series, memory};

pub use home::publish;

/// Requests before the first round. V8 compiles a function of a Wasm module better only after it ran many times.
pub const WARM_UP: usize = 4_000;
pub const WARM_UP_OF_WASM: usize = 40_000;

/// A contender that can be started by its name.
#[derive(Clone, Copy)]
pub struct Choice {
    pub name: &'static str,
    pub what: &'static str,
    start: fn(&'static str) -> Starting,
    /// Runs only where it is named, because it repeats another one with one change.
    pub for_a_curve: bool,
}

type Starting = Pin<Box<dyn Future<Output = Option<Contender>>>>;

impl std::fmt::Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All that there are, in the order of the table.
#[must_use]
pub fn all() -> Vec<Choice> {
    [bare::CHOICES, gate::CHOICES, rivals::CHOICES, ours::CHOICES, settings::CHOICES].concat()
}

/// Makes a choice of an `async fn(name) -> Option<Contender>`.
macro_rules! choice {
    ($name:literal, $what:literal, $start:expr) => {
        $crate::contenders::Choice {
            name: $name,
            what: $what,
            start: |name| Box::pin($start(name)),
            for_a_curve: false,
        }
    };
    ($name:literal, $what:literal, $start:expr, for_a_curve) => {
        $crate::contenders::Choice { for_a_curve: true, ..$crate::contenders::choice!($name, $what, $start) }
    };
}
use choice;

/// One way to guard a route, running.
pub struct Contender {
    pub name: &'static str,
    pub series: Series,
    pub warm_up: usize,
    envoy: Envoy,
    server: Option<Process>,
    /// The server that only signs statements for a gate. It is not asked about requests.
    _statements: Option<Server>,
    supply: Supply,
    tls: Option<TlsClient>,
    /// Its server is not a process of this bench.
    asks_a_peer: bool,
    /// Requests that must have been asked about.
    sent: usize,
    _directory: TempDir,
}

/// Makes so many requests. They are made before they are measured.
type Supply = Box<dyn Fn(usize) -> Requests>;

impl std::fmt::Debug for Contender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Starts these. One that lacks something on this machine says so and is left out.
///
/// # Panics
/// When one cannot be started.
pub async fn start(choices: &[Choice]) -> Vec<Contender> {
    let mut started = Vec::new();
    for choice in choices {
        match cores::start_measured((choice.start)(choice.name)).await {
            Some(contender) => started.push(contender),
            None => eprintln!(
                "{} is left out: this machine, or the environment, does not have what it needs",
                choice.name
            ),
        }
    }
    started
}

impl Contender {
    fn new(name: &'static str, envoy: Envoy, supply: Supply, directory: TempDir) -> Contender {
        Contender {
            name,
            series: Series::default(),
            warm_up: WARM_UP,
            envoy,
            server: None,
            _statements: None,
            supply,
            tls: None,
            asks_a_peer: false,
            sent: 0,
            _directory: directory,
        }
    }

    fn asking(self, server: Process) -> Contender {
        Contender { server: Some(server), ..self }
    }

    fn over_tls(self, client: TlsClient) -> Contender {
        Contender { tls: Some(client), ..self }
    }

    fn with_wasm(self) -> Contender {
        Contender { warm_up: WARM_UP_OF_WASM, ..self }
    }

    /// Sends this many requests and forgets what they cost.
    ///
    /// # Panics
    /// As [`Self::round`].
    pub async fn send_unmeasured(&mut self, requests: usize) {
        // A proof is valid for half a minute, so not all are made at once.
        for piece in pieces(requests, 4_000) {
            self.round(piece, crate::load::CONNECTIONS).await;
        }
        self.series.rounds.clear();
    }

    /// Sends this many requests over so many connections, and adds what they cost. Opening the connections, and one request on
    /// each, are not measured.
    ///
    /// # Panics
    /// When a response is not as expected.
    pub async fn round(&mut self, requests: usize, connections: usize) {
        let mut supply = (self.supply)(requests + connections);
        let rest = if supply.headers.len() > 1 {
            supply.headers.split_off(connections)
        } else {
            supply.headers.clone()
        };
        let first = Arc::new(supply);
        let supply = Arc::new(Requests { headers: rest, ..(*first).clone() });
        let mut open = Connections::open(self.envoy.address(), self.tls.as_ref(), connections).await;
        open.send(&first, connections).await;
        let round =
            Round::of(&self.envoy.process, self.server.as_ref(), requests, open.send(&supply, requests))
                .await;
        self.sent += requests + connections;
        self.series.rounds.push(round);
    }

    /// What its processes hold in memory now.
    pub fn note_memory(&mut self) {
        self.series.memory = Some((memory(&self.envoy.process), self.server.as_ref().map(memory)));
    }

    /// Checks by Envoy's own counter that Envoy asked the server about every request: a server that is not asked looks cheap.
    ///
    /// # Panics
    /// When the counter says otherwise.
    pub async fn check_server_was_asked(&self) {
        let path = "/stats?filter=ext_authz.ok$";
        let stats = get(self.envoy.admin(), path).await.expect("Envoy's administration answers").text();
        let counted =
            stats.rsplit(' ').next().and_then(|count| count.trim().parse::<usize>().ok()).unwrap_or(0);
        let expected = if self.server.is_some() || self.asks_a_peer { self.sent } else { 0 };
        assert_eq!(counted, expected, "{}: requests that ext_authz let through; {stats}", self.name);
    }
}

/// So many, in pieces of at most this size.
pub fn pieces(all: usize, most: usize) -> impl Iterator<Item = usize> {
    (0..all).step_by(most).map(move |from| most.min(all - from))
}

/// The shipped configuration, but Envoy answers by itself and writes no access log.
fn measured() -> Configuration {
    Configuration::shipped("envoy.yaml").listening_on_loopback(0).answering_directly().without_access_log()
}

fn bare_configuration() -> Configuration {
    measured().without(GATE).without(EXT_AUTHZ).without(SEAL)
}

fn directory() -> TempDir {
    directory_in(&std::env::temp_dir())
}

fn directory_in(place: &std::path::Path) -> TempDir {
    tempfile::Builder::new().prefix("portcullis-bench-").tempdir_in(place).expect("a temporary directory")
}
