//! One running court for all rows: the server on a machine whose faults can be switched on, Envoy with a listener that asks
//! clients for certificates, and a bundle with a route for each kind of requirement.

use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_tests::agent::{Agent, WarrantSpec, hello, payment};
use portcullis_tests::attestor::{Attestor, build};
use portcullis_tests::certificates::{A_DAY, Root, put_roots};
use portcullis_tests::client::{ClientRequest, ClientResponse};
use portcullis_tests::condition::until;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::operator::{call_api, done};
use portcullis_tests::preloaded_faults::PreloadedFaults;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::shipped::{Configuration, GATE, ISTIO_DECISIONS, SEAL};
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::tls_client::TlsClient;
use portcullis_tests::world::{HOST, Setup, World};
use serde_json::{Value, json};

use super::{Provoked, Record};
use crate::bundles::Signers;

/// The settings of Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settings {
    /// `envoy/envoy.yaml` without our filters: raw headers and the client's certificate.
    Shipped,
    /// The same with gate and seal.
    Gated,
    /// `envoy/istio-custom.yaml`, as istiod generates it: merged headers, no certificate, no body. So the bundle says `strictMtls`
    /// of the proxy. There is no gate before ext_authz, and the seal behind it.
    Istio,
}

/// Where settings come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Ours,
    Istio,
}

impl Settings {
    pub(crate) fn source(self) -> Source {
        match self {
            Settings::Shipped | Settings::Gated => Source::Ours,
            Settings::Istio => Source::Istio,
        }
    }
}

pub(crate) struct Court {
    pub(crate) world: World,
    pub(crate) settings: Settings,
    pub(crate) machine: PreloadedFaults,
    pub(crate) attestor: Attestor,
    root: Root,
    /// The bundle that is in force when no row has put another one in its place.
    bundle: UnsignedBundle,
    version: AtomicU64,
}

/// The workload that asks unless a row says otherwise.
pub(crate) const PAYER: &str = "spiffe://demo/ns/demo/sa/payer";
/// A workload whose attestor says that it runs the first build.
pub(crate) const ATTESTED: &str = "spiffe://demo/ns/demo/sa/attested";

impl Court {
    pub(crate) async fn start(settings: Settings) -> Court {
        let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
        let cluster = match settings {
            Settings::Istio => ISTIO_DECISIONS,
            Settings::Shipped | Settings::Gated => "portcullis",
        };
        let home = Home::init(directory.path(), &["--cluster".to_owned(), cluster.to_owned()]);
        home.configure(|configuration| {
            configuration["environment"] = json!({"region": "eu-1"});
            // One at a time, so that a second request is one too many.
            configuration["limits"]["decisions"] = 1.into();
            // The rows sign the notes.
            configuration["bundle"].as_object_mut().unwrap().remove("noteKey").unwrap();
        });
        let bundle = with_routes(UnsignedBundle::of(&home), settings);
        let (version, seconds) = (2, 3600);
        Signers::of(&home).publish_for(&bundle.clone().version(version), seconds);
        let (root, files) = (Root::new("one"), directory.path().join("listener"));
        std::fs::create_dir(&files).unwrap();
        root.issue(&[], A_DAY).put(&files, "server");
        put_roots(&[&root], &files.join("roots.pem"));
        let change = match settings {
            Settings::Shipped => |shipped: Configuration| shipped.without(GATE).without(SEAL),
            Settings::Gated | Settings::Istio => |as_it_is: Configuration| as_it_is,
        };
        let example = if settings == Settings::Istio { "istio-custom.yaml" } else { "envoy.yaml" };
        let setup = Setup { clients: Some(files), example, change, ..Setup::default() };
        let world = setup.start_in(directory, home).await;
        let machine = PreloadedFaults::new(world.directory());
        let attestor = Attestor::of(&world.home);
        let mut court = Court { world, settings, machine, attestor, root, bundle, version: version.into() };
        court.restart().await;
        court.wait_until_allowed().await;
        court
    }

    /// A client with a certificate for these names.
    pub(crate) fn client(&self, names: &[&str]) -> TlsClient {
        TlsClient::new(&self.root, Some(&self.root.issue(names, A_DAY)))
    }

    /// Sends a request as the workload that asks.
    pub(crate) async fn send(&self, request: &ClientRequest) -> ClientResponse {
        self.world.send_as(&self.client(&[PAYER]), request).await
    }

    /// Sends a request that will be denied, as that workload.
    pub(crate) async fn provoke(&self, request: ClientRequest) -> Provoked {
        self.provoke_as(&[PAYER], request).await
    }

    /// The same with a certificate for these names.
    pub(crate) async fn provoke_as(&self, names: &[&str], request: ClientRequest) -> Provoked {
        let response = self.world.send_as(&self.client(names), &request).await;
        Provoked { request, response, record: Record::Entry }
    }

    /// A request that nothing is wrong with.
    pub(crate) fn good(&self) -> ClientRequest {
        self.asking(&hello())
    }

    /// The same with another warrant.
    pub(crate) fn asking(&self, warrant: &WarrantSpec) -> ClientRequest {
        self.world.agent.request(warrant, "GET", "/hello/you")
    }

    /// A request for this path that shows a warrant of this workload, for a route that looks at the certificate.
    pub(crate) fn by_certificate(&self, holder: &str, path: &str, content: WarrantSpec) -> ClientRequest {
        let content = WarrantSpec { holder: holder.to_owned(), path: "/**".to_owned(), ..content };
        ClientRequest::new("GET", HOST, path).with("warrant", self.world.agent.warrant(&content))
    }

    /// A warrant that was delegated once.
    pub(crate) fn delegated(&self) -> (Agent, String) {
        let agent = &self.world.agent;
        let content =
            |lifetime| WarrantSpec { path: "/delegated/**".into(), max_depth: 3, lifetime, ..hello() };
        let key = TestKey::stranger(Algorithm::Ed25519, 9);
        let chain = agent.delegate(&agent.warrant(&content(60)), &content(50), &key);
        (Agent { holder: key, ..agent.clone() }, chain)
    }

    /// Publishes a changed bundle, with a note for so many seconds, and waits until it is in force.
    pub(crate) async fn publish(&self, seconds: i64, change: fn(UnsignedBundle) -> UnsignedBundle) {
        let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
        let bundle = change(self.bundle.clone()).version(version);
        Signers::of(&self.world.home).publish_for(&bundle, seconds);
        self.world.server.wait_for_bundle_state(&format!("version {version} (sha256:")).await;
    }

    /// Runs an operator's command, and waits until the filters have it, if there are any.
    pub(crate) async fn operate(&self, command: &[&str]) {
        let entry = done(&self.world.home, command);
        if self.settings != Settings::Shipped {
            self.world.until_gates_have(entry["index"].as_u64().unwrap()).await;
        }
    }

    /// Puts the court's own bundle in force again.
    pub(crate) async fn restore_bundle(&self) {
        self.publish(3600, |bundle| bundle).await;
        self.wait_until_allowed().await;
    }

    pub(crate) async fn attest(&self, statement: String) {
        let body = json!({"statement": statement});
        let (status, answer) = call_api(&self.world.home, "POST", "/v1/attestations", &body).await;
        assert!(matches!(status, 200 | 201), "{status}: {answer}");
    }

    pub(crate) async fn wait_until_allowed(&self) {
        until("a request to be allowed", async || {
            (self.send(&self.good()).await.status == 200).then_some(())
        })
        .await;
    }

    /// On every kind of route a request is allowed that has no fault. So each row is denied for its own fault.
    pub(crate) async fn allows_what_has_no_fault(&self) {
        let agent = &self.world.agent;
        self.attest(self.attestor.about(ATTESTED, &build(1), 0, |_| {})).await;
        let measured = WarrantSpec { measurement: Some(build(1)), ..hello() };
        let (child, chain) = self.delegated();
        let sums = WarrantSpec { path: "/sums".into(), ..hello() };
        for (name, request) in [
            (PAYER, self.good()),
            (PAYER, agent.request(&payment(), "POST", "/v1/payments/a-7")),
            (PAYER, agent.request(&sums, "GET", "/sums?n=1")),
            (PAYER, child.present(&chain, ClientRequest::new("GET", HOST, "/delegated/you"))),
            (PAYER, self.by_certificate(PAYER, "/mine/you", hello())),
            (ATTESTED, self.by_certificate(ATTESTED, "/attested/you", measured)),
        ] {
            let response = self.world.send_as(&self.client(&[name]), &request).await;
            assert_eq!(response.status, 200, "{request:?}: {}", response.text());
            assert_eq!(self.world.executions_of(&request), 1, "{request:?}");
            let executions = self.world.upstream.executions();
            let execution = executions.iter().rfind(|one| one.request_id() == Some(&request.id)).unwrap();
            for artifact in ["warrant", "warrant-proof"] {
                assert!(!execution.headers.contains_key(artifact), "{artifact} reached the upstream");
            }
        }
    }

    /// Starts the server again. It has judged nothing yet.
    pub(crate) async fn restart(&mut self) {
        self.world.server.process.stop().await;
        self.world.server = Server::start_with_faults(&self.world.home, &self.machine).await;
    }

    /// Every entry, after the server has ended.
    pub(crate) async fn recorded(&mut self) -> Vec<Value> {
        assert_eq!(self.world.server.process.stop().await.code(), Some(0));
        let auditor = LedgerAuditor::new(&self.world.home, self.world.directory());
        auditor.entries().into_iter().map(|mut line| line["entry"].take()).collect()
    }
}

/// Adds the routes of the rows to the sample.
fn with_routes(bundle: UnsignedBundle, settings: Settings) -> UnsignedBundle {
    let mut bundle = bundle.edit("proxies.json", |proxies| {
        if settings == Settings::Istio {
            proxies["spec"][0]["strictMtls"] = true.into();
        }
    });
    let mut add = |name: &str, path: &str, require: Value, further: Value| {
        let mut required = json!({"holder": "proof", "use": "any", "maxLifetime": "5m"});
        merge(&mut required, require);
        let mut spec = json!({
            "match": [{"hosts": ["localhost"], "methods": ["GET"], "paths": [path]}],
            "require": required,
        });
        merge(&mut spec, further);
        bundle.add_route(name, spec);
    };
    let agent = || json!({"callers": ["agent:demo"]});
    // The holder of a delegated warrant is known by its key, so the policy asks who holds the root.
    let of_agent = "@id(\"root\") permit (principal, action, resource) when { context.warrant.root == Agent::\"agent:demo\" };";
    add("delegated", "/delegated/**", json!({"maxDepth": 1}), json!({"policy": of_agent}));
    add("issued", "/issued/**", json!({"issued": true}), agent());
    add("elsewhere", "/us/**", json!({"environment": {"region": ["us-1"]}}), agent());
    let window = json!({"conditions": [{"name": "change-window", "equals": "open", "maxAge": "5m"}]});
    add("window", "/window/**", window, agent());
    add("mine", "/mine/**", json!({"holder": "mtls"}), json!({"callers": [PAYER]}));
    let attested = json!({"holder": "mtls", "attestation": {"maxAge": "1m"}});
    add("attested", "/attested/**", attested, json!({"callers": ["any-holder"]}));
    let sums = json!({
        "args": {"n": {"from": "query:n", "type": "long"}},
        "policy": "@id(\"sum\") permit (principal, action, resource) when { context.args.n * 9223372036854775807 > 0 };",
    });
    add("sums", "/sums", json!({}), sums);
    add(
        "receipted",
        "/receipted/**",
        json!({}),
        json!({"callers": ["agent:demo"], "evidence": {"receipt": true}}),
    );
    let notes = json!({
        "match": [{"hosts": ["localhost"], "methods": ["POST"], "paths": ["/notes"]}],
        "args": {"amount": {"from": "body:/amount", "type": "natural"}},
        "callers": ["agent:demo"],
    });
    add("notes", "/notes", json!({}), notes);
    bundle
}

fn merge(into: &mut Value, from: Value) {
    for (name, value) in from.as_object().unwrap() {
        into[name] = value.clone();
    }
}
