//! Who is measured: one Envoy each, all alive at once, asked in turn so that a change of the machine's mood meets all.

use portcullis_tests::child::Running;
use portcullis_tests::condition::until;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::shipped::{Configuration, EXT_AUTHZ, GATE};
use serde_json::{Value, json};
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::UnixStream;

use crate::load::{Requests, send};
use crate::table::Row;

/// One way to guard a route, running.
#[derive(Debug)]
pub struct Contender {
    pub row: Row,
    envoy: Envoy,
    server: Option<Running>,
    requests: Arc<Requests>,
    /// How many requests were sent, so that each round takes fresh ones where they must not repeat.
    sent: usize,
    _directory: TempDir,
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
        let socket = directory.path().join("ext_authz.sock");
        let mut command = Command::new(program);
        command.arg(&socket);
        let server = Running::start("always-allow", command);
        until("the server to listen", async || UnixStream::connect(&socket).await.ok()).await;
        let configuration = measured().without(GATE).cluster_at_socket("portcullis", &socket);
        let envoy = Envoy::start(&configuration, directory.path()).await;
        Contender::new(ALWAYS_ALLOW, envoy, Some(server), plain(), directory)
    }

    fn new(
        name: &'static str,
        envoy: Envoy,
        server: Option<Running>,
        requests: Requests,
        directory: TempDir,
    ) -> Contender {
        let row = Row::new(name, server.is_some());
        Contender { row, envoy, server, requests: Arc::new(requests), sent: 0, _directory: directory }
    }

    /// Sends so many requests without looking at the clock.
    pub async fn warm_up(&mut self, requests: usize) {
        let range = self.take(requests);
        send(self.envoy.address(), self.requests.clone(), range).await;
    }

    /// Sends so many requests and notes what they cost.
    pub async fn round(&mut self, requests: usize) {
        let range = self.take(requests);
        let envoy = self.envoy.program.processor_time();
        let server = self.server.as_ref().map(Running::processor_time);
        let wall = send(self.envoy.address(), self.requests.clone(), range).await;
        let envoy = self.envoy.program.processor_time() - envoy;
        let server = self
            .server
            .as_ref()
            .map(Running::processor_time)
            .zip(server)
            .map(|(after, before)| after - before);
        self.row.add(requests, envoy, server, wall);
    }

    fn take(&mut self, requests: usize) -> Range<usize> {
        let from = self.sent;
        self.sent += requests;
        from..self.sent
    }
}

/// The contender that every other is compared with.
pub const ALWAYS_ALLOW: &str = "ext_authz, a tonic server that allows all";

/// The shipped configuration, answering by itself and without its log.
fn measured() -> Configuration {
    Configuration::shipped("envoy.yaml").listening_on_loopback(0).answering_directly().without_access_log()
}

fn bare() -> Configuration {
    measured().without(GATE).without(EXT_AUTHZ)
}

fn plain() -> Requests {
    let authority = portcullis_tests::world::HOST.to_owned();
    Requests { authority, target: "/hello/you".to_owned(), headers: Vec::new() }
}

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
