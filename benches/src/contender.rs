//! The contenders of the bench, each with its own Envoy. All run at the same time and get requests in turn, so that a change
//! of the machine's speed affects all of them.

use portcullis_tests::agent::{Agent, WarrantSpec, hello};
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
use warrant::mint::Signer;

use crate::load::{Requests, send};
use crate::table::Costs;

/// One way to guard a route, running.
#[derive(Debug)]
pub struct Contender {
    pub costs: Costs,
    envoy: Envoy,
    server: Option<Process>,
    /// The server that only signs statements for a gate. It is not asked about requests.
    statements: Option<Server>,
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
    /// A new warrant for each request.
    Warrants(Agent),
}

impl Contender {
    /// Envoy alone.
    pub async fn nothing() -> Contender {
        let directory = directory();
        let envoy = Envoy::start(&bare(), directory.path()).await;
        let supply = plain(directory.path());
        Contender::new("nothing", envoy, None, supply, directory)
    }

    /// A Wasm filter that reads one header.
    pub async fn trivial_filter(module: &Path) -> Contender {
        let directory = directory();
        let envoy = Envoy::start(&bare().with_first(wasm_filter(module)), directory.path()).await;
        let supply = plain(directory.path());
        Contender::new(TRIVIAL_FILTER, envoy, None, supply, directory)
    }

    /// Envoy's own filter for JWTs, with a new token for each request: a warrant is one.
    pub async fn new_tokens() -> Contender {
        let directory = directory();
        let agent = Agent::at(&Home::init(directory.path(), &[]));
        let envoy = Envoy::start(&bare().with_first(jwt_authn(&agent)), directory.path()).await;
        Contender::new(
            "jwt_authn, ES256 tokens never seen before",
            envoy,
            None,
            Supply::Warrants(agent),
            directory,
        )
    }

    /// The gate alone, with the same warrant every time.
    pub async fn gate() -> Contender {
        Contender::gate_with("the gate, a warrant seen before", |agent| {
            let warrant = agent.warrant(&WarrantSpec { lifetime: 3600, ..hello() });
            let proof = agent.proof(&warrant, &ClientRequest::new("GET", HOST, TARGET));
            let headers = vec![vec![("warrant", warrant), ("warrant-proof", proof)]];
            Supply::Same(Arc::new(Requests { headers, ..requests() }))
        })
        .await
    }

    /// The gate alone, with a new warrant every time.
    pub async fn gate_with_new_warrants() -> Contender {
        Contender::gate_with("the gate, ES256 warrants never seen before", Supply::Warrants).await
    }

    /// The gate alone, without a warrant.
    pub async fn refusing_gate() -> Contender {
        Contender::gate_with("the gate, no warrant: a refusal", |_| {
            Supply::Same(Arc::new(Requests { status: 401, ..requests() }))
        })
        .await
    }

    async fn gate_with(name: &'static str, supply: impl FnOnce(Agent) -> Supply) -> Contender {
        let directory = directory();
        let home = Home::init(directory.path(), &[]);
        let server = Server::start(&home).await;
        let configuration = measured().filters_at(home.directory()).server_at_socket(&home.socket());
        let configuration = configuration.without(EXT_AUTHZ).without(SEAL);
        let envoy = Envoy::start(&configuration, directory.path()).await;
        envoy.until_governed().await;
        let mut gate = Contender::new(name, envoy, None, supply(Agent::at(&home)), directory);
        gate.statements = Some(server);
        gate
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
        let supply = plain(directory.path());
        Contender::new(ALWAYS_ALLOW, envoy, Some(server), supply, directory)
    }

    /// Portcullis as shipped: gate, server and seal.
    pub async fn portcullis() -> Contender {
        Contender::ours(WHOLE, |shipped| shipped).await
    }

    /// Portcullis without the filter in its two positions: the difference to the whole is what they cost.
    pub async fn portcullis_without_filter() -> Contender {
        Contender::ours(SERVER_ALONE, |shipped| shipped.without(GATE).without(SEAL)).await
    }

    async fn ours(name: &'static str, change: fn(Configuration) -> Configuration) -> Contender {
        let directory = directory();
        let home = Home::init(directory.path(), &[]);
        let server = Server::start(&home).await;
        let configuration = measured().filters_at(home.directory()).server_at_socket(&home.socket());
        let envoy = Envoy::start(&change(configuration), directory.path()).await;
        envoy.until_governed().await;
        let agent = Agent::at(&home);
        let warrant = agent.warrant(&WarrantSpec { lifetime: 300, ..hello() });
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
        Contender { costs, envoy, server, statements: None, supply, _directory: directory }
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
    fn take(&self, count: usize) -> Arc<Requests> {
        match self {
            Supply::Same(requests) => requests.clone(),
            Supply::Proofs(agent, warrant) => {
                let request = ClientRequest::new("GET", HOST, TARGET);
                let headers =
                    || vec![("warrant", warrant.clone()), ("warrant-proof", agent.proof(warrant, &request))];
                Arc::new(Requests {
                    headers: std::iter::repeat_with(headers).take(count).collect(),
                    ..requests()
                })
            }
            Supply::Warrants(agent) => {
                let headers = || vec![("warrant", agent.warrant(&hello()))];
                Arc::new(Requests {
                    headers: std::iter::repeat_with(headers).take(count).collect(),
                    // A gate verifies a thousand new ones a second of one client.
                    a_second: Some(900),
                    ..requests()
                })
            }
        }
    }
}

/// The filter that the others' costs in Envoy are compared with.
pub const TRIVIAL_FILTER: &str = "a trivial Wasm filter in Rust";

/// Portcullis, with and without the filter in its two positions.
pub const WHOLE: &str = "portcullis: gate, server and seal";
pub const SERVER_ALONE: &str = "portcullis: the server alone";

/// The contender that all others are compared with.
pub const ALWAYS_ALLOW: &str = "ext_authz, a tonic server that allows all";

/// The shipped configuration, but Envoy answers by itself and writes no access log.
fn measured() -> Configuration {
    Configuration::shipped("envoy.yaml").listening_on_loopback(0).answering_directly().without_access_log()
}

fn bare() -> Configuration {
    measured().without(GATE).without(EXT_AUTHZ).without(SEAL)
}

/// Requests with a warrant and a proof, for those who read neither: headers of the same size cost all of them the same.
fn plain(directory: &Path) -> Supply {
    let agent = Agent::at(&Home::init(directory, &[]));
    let warrant = agent.warrant(&WarrantSpec { lifetime: 300, ..hello() });
    let proof = agent.proof(&warrant, &ClientRequest::new("GET", HOST, TARGET));
    let headers = vec![vec![("warrant", warrant), ("warrant-proof", proof)]];
    Supply::Same(Arc::new(Requests { headers, ..requests() }))
}

fn requests() -> Requests {
    let (authority, target) = (HOST.to_owned(), TARGET.to_owned());
    Requests { authority, target, headers: Vec::new(), status: 200, a_second: None }
}

fn jwt_authn(agent: &Agent) -> Value {
    let mut key: Value =
        serde_json::from_str(&agent.authority.public_key().to_jwk_json()).expect("a JWK is JSON");
    key["kid"] = "a1".into();
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"authority": {
                "issuer": "https://authority.demo",
                "audiences": ["demo"],
                "local_jwks": {"inline_string": json!({"keys": [key]}).to_string()},
                "from_headers": [{"name": "warrant"}],
                "forward": true,
            }},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "authority"}}],
        },
    })
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
