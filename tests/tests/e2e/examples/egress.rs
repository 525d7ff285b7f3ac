//! An egress gateway: agents reach those external systems, and do there what a warrant and a policy allow. Everything else that
//! could lead outside is closed, and nobody can take an external system's place.

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::certificates::{A_DAY, Issued, Root, put_roots};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::external_system::ExternalSystem;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::raw;
use portcullis_tests::raw_h2;
use portcullis_tests::server::Home;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{Setup, World};
use serde_json::json;

use crate::bundles::Signers;

const OUTSIDE: &str = "api.example.com";

/// A gateway to one external system that shows this certificate.
struct Gateway {
    world: World,
    external: ExternalSystem,
}

impl Gateway {
    async fn start(root: &Root, certificate: &Issued) -> Gateway {
        let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
        let home = Home::init(directory.path(), &[]);
        Signers::of(&home).publish(&with_external_system(UnsignedBundle::of(&home).version(2)));
        let roots = directory.path().join("roots.pem");
        put_roots(&[root], &roots);
        let external = ExternalSystem::start(certificate).await;
        let clusters = vec![(OUTSIDE, external.address())];
        let setup = Setup { example: "egress.yaml", clusters, public_roots: Some(roots), ..Setup::default() };
        Gateway { world: setup.start_in(directory, home).await, external }
    }

    /// A request with a warrant for reading orders.
    fn request(&self, path: &str) -> ClientRequest {
        let agent = &self.world.agent;
        agent.present(&agent.warrant(&orders()), ClientRequest::new("GET", OUTSIDE, path))
    }

    async fn end(self) {
        self.world.end().await;
    }
}

/// Governs one path of the external system. The sample routes go: this proxy serves nothing else.
fn with_external_system(bundle: UnsignedBundle) -> UnsignedBundle {
    let mut bundle = bundle
        .edit("proxies.json", |proxies| {
            proxies["spec"][0]["hosts"] = json!({OUTSIDE: ["api.example.com:80"]});
        })
        .edit("teams.json", |teams| {
            teams["spec"]["demo"]["ground"] = json!([{"host": OUTSIDE, "prefix": "/"}]);
        });
    bundle.files.retain(|name, _| !name.starts_with("routes/"));
    let orders = json!({
        "match": [{"hosts": [OUTSIDE], "methods": ["GET"], "paths": ["/v1/orders/**"]}],
        "require": {"holder": "proof", "use": "any", "maxLifetime": "5m"},
        "callers": ["agent:demo"],
    });
    bundle.add_route("orders", orders);
    bundle
}

fn orders() -> WarrantSpec {
    WarrantSpec { host: OUTSIDE.to_owned(), path: "/v1/orders/**".to_owned(), ..hello() }
}

/// The external system's own root, and a certificate for its name.
fn honest() -> (Root, Issued) {
    let root = Root::new("public");
    let certificate = root.issue_for(OUTSIDE, A_DAY);
    (root, certificate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_calls_an_external_system_as_its_warrant_and_the_policy_say_and_envoy_speaks_tls() {
    let (root, certificate) = honest();
    let gateway = Gateway::start(&root, &certificate).await;
    let (world, external) = (&gateway.world, &gateway.external);
    let request = gateway.request("/v1/orders/7");
    let response = world.send(&request).await;
    assert_eq!(response.status, 200, "{}", response.text());
    // As a proxy it gets the whole URL, and answers the same.
    let mut by_proxy = raw::bytes_of(&gateway.request("/v1/orders/8"));
    let whole = format!("GET http://{OUTSIDE}/v1/orders/8 HTTP/1.1");
    by_proxy.splice(.."GET /v1/orders/8 HTTP/1.1".len(), whole.bytes());
    assert_eq!(world.send_raw(&by_proxy, 1).await.statuses(), [200]);

    let executions = external.upstream.executions();
    let targets: Vec<_> = executions.iter().map(|one| one.target.as_str()).collect();
    assert_eq!(targets, ["/v1/orders/7", "/v1/orders/8"]);
    for execution in &executions {
        assert_eq!(execution.headers["host"], OUTSIDE);
        assert!(execution.decision().is_some());
        for secret in ["warrant", "warrant-proof"] {
            assert!(!execution.headers.contains_key(secret), "{secret} left the mesh");
        }
    }
    assert!(external.names().iter().all(|name| name == OUTSIDE), "{:?}", external.names());
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_else_leads_outside() {
    let (root, certificate) = honest();
    let gateway = Gateway::start(&root, &certificate).await;
    let (world, external) = (&gateway.world, &gateway.external);
    let agent = &world.agent;
    let to = |host: &str, path: &str| {
        let warrant =
            agent.warrant(&WarrantSpec { host: host.to_owned(), path: "/**".to_owned(), ..hello() });
        agent.present(&warrant, ClientRequest::new("GET", host, path))
    };
    world.denies(&ClientRequest::new("GET", OUTSIDE, "/v1/orders/7"), 401, "warrant-missing").await;
    world.denies(&gateway.request("/v1/payments/7"), 403, "outside-warrant").await;
    world.denies(&to(OUTSIDE, "/v1/payments/7"), 403, "no-route-policy").await;
    for host in ["other.example.com", "localhost", "169.254.169.254", "127.0.0.1:9901"] {
        world.denies(&to(host, "/v1/orders/7"), 421, "target-mismatch").await;
    }
    let address = external.address().to_string();
    world.denies(&to(&address, "/v1/orders/7"), 421, "target-mismatch").await;
    // Tunnels, over HTTP/1.1 and HTTP/2.
    let warrant = agent.warrant(&WarrantSpec { methods: vec!["CONNECT".to_owned()], ..orders() });
    for port in [80, 443] {
        let target = format!("{OUTSIDE}:{port}");
        let request = agent.present(&warrant, ClientRequest::new("CONNECT", &target, &target));
        let statuses = world.send_raw(&raw::bytes_of(&request), 1).await.statuses();
        assert!(matches!(statuses[..], [400..=499]), "CONNECT {target}: {statuses:?}");
        let mut fields = vec![field(":method", "CONNECT"), field(":authority", &target)];
        fields.extend(request.headers.iter().map(|(name, value)| field(name, value)));
        let status = world.send_raw_h2(&fields).await;
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "CONNECT {target}: {status:?}");
    }
    assert_eq!(external.connections(), 0, "{:?}", external.upstream.executions());
    assert_eq!(world.send(&gateway.request("/v1/orders/7")).await.status, 200);
    gateway.end().await;
}

fn field(name: &str, value: &str) -> raw_h2::Field {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_the_place_of_an_external_system_gets_nothing_of_the_request() {
    let (root, _) = honest();
    let other = Root::new("another");
    for (what, certificate) in [
        ("another root", other.issue_for(OUTSIDE, A_DAY)),
        ("another name", root.issue_for("api.example.org", A_DAY)),
        ("a certificate that ran out", root.issue_for(OUTSIDE, (-7200, -3600))),
    ] {
        let gateway = Gateway::start(&root, &certificate).await;
        let auditor = LedgerAuditor::new(&gateway.world.home, gateway.world.directory());
        let response = gateway.world.send(&gateway.request("/v1/orders/7")).await;
        assert_eq!(response.status, 503, "{what}: {}", response.text());
        assert!(gateway.external.connections() > 0, "{what}: nobody was asked");
        assert!(gateway.external.upstream.executions().is_empty(), "{what}");
        // It was allowed, and the record says that nothing came of it.
        let outcomes = until("the outcome", async || {
            Some(auditor.of_kind("outcome/1")).filter(|outcomes| !outcomes.is_empty())
        })
        .await;
        assert_eq!(outcomes[0]["status"], 503, "{what}: {outcomes:?}");
        gateway.end().await;
    }
}
