//! The server on another machine: proxies speak mutual TLS with it, and only those that the bundle names are answered.

use crate::bundles::Signers;
use portcullis_tests::agent::hello;
use portcullis_tests::certificates::{A_DAY, Issued, Root, put, put_roots};
use portcullis_tests::client::get;
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::programs;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::shipped::{Configuration, copy_tls_secrets};
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{Setup, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub(crate) const PROXY: &str = "spiffe://demo/ns/demo/sa/edge";
/// The name that the shipped configuration of Envoy requires of the server.
const SERVER: &str = "spiffe://demo/portcullis";

/// A home directory whose server speaks TLS, and the directory with the proxy's own files.
pub(crate) struct Secured {
    directory: TempDir,
    pub(crate) home: Home,
    pub(crate) root: Root,
    proxy: PathBuf,
}

impl Secured {
    pub(crate) fn new() -> Secured {
        Secured::naming(&["local", PROXY])
    }

    /// The bundle names these proxies.
    pub(crate) fn naming(proxies: &[&str]) -> Secured {
        let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
        let home = Home::init(directory.path(), &[]);
        let (root, proxy) = (Root::new("one"), directory.path().join("tls"));
        fs::create_dir(&proxy).unwrap();
        copy_tls_secrets(&proxy);
        put_roots(&[&root], &proxy.join("roots.pem"));
        root.issue(&[PROXY], A_DAY).put(&proxy, "proxy");
        root.issue(&[SERVER], A_DAY).put(&home.file("keys"), "server");
        put_roots(&[&root], &home.file("clients.pem"));
        home.configure(|configuration| {
            configuration["listen"]["proxies"] = json!({
                "address": "127.0.0.1:0", "certificate": "keys/server.pem", "key": "keys/server.key",
                "clients": "clients.pem",
            });
        });
        name_proxies(&home, 2, proxies);
        Secured { directory, home, root, proxy }
    }

    pub(crate) fn certificate(&self, id: &str) -> Issued {
        self.root.issue(&[id], A_DAY)
    }

    pub(crate) async fn start(self) -> (World, Root, PathBuf) {
        self.start_with(false).await
    }

    /// The same with a proxy that the server does not answer.
    async fn start_unanswered(self) -> (World, Root, PathBuf) {
        self.start_with(true).await
    }

    async fn start_with(self, ungoverned: bool) -> (World, Root, PathBuf) {
        // Who the clients are is not what these tests are about.
        let change = Configuration::without_tls_of_clients;
        self.start_as(Setup { change, ungoverned, ..Setup::default() }).await
    }

    /// A sidecar with the files of this directory.
    pub(crate) async fn start_as(self, setup: Setup) -> (World, Root, PathBuf) {
        let setup = Setup { example: "sidecar.yaml", tls: Some(self.proxy.clone()), ..setup };
        (setup.start_in(self.directory, self.home).await, self.root, self.proxy)
    }
}

/// Publishes a bundle that names these proxies, each for the sample's hosts.
pub(crate) fn name_proxies(home: &Home, version: u64, ids: &[&str]) {
    let bundle = UnsignedBundle::of(home).version(version).edit("proxies.json", |proxies| {
        let hosts = proxies["spec"][0]["hosts"].clone();
        let named = ids.iter().map(|id| json!({"id": id, "hosts": hosts}));
        proxies["spec"] = Value::Array(named.collect());
    });
    Signers::of(home).publish(&bundle);
}

/// The value of this counter at the server.
async fn counted(world: &World, name: &str) -> u64 {
    let figures = get(world.server.health(), "/metrics").await.expect("it answers").text();
    figures.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0)
}

const NOT_NAMED: &str = "portcullis_proxies_refused_total{reason=\"not-named\"}";
const NO_HANDSHAKE: &str =
    "portcullis_connections_closed_total{listener=\"proxies\",reason=\"no-handshake\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_proxy_is_answered_over_mutual_tls_and_its_access_log_is_read() {
    let (world, ..) = Secured::new().start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.denies(&world.agent.request(&hello(), "GET", "/nowhere"), 403, "outside-warrant").await;
    let outcomes = until("the outcome to be published", async || {
        Some(auditor.of_kind("outcome/1")).filter(|outcomes| !outcomes.is_empty())
    })
    .await;
    assert_eq!(outcomes[0]["proxy"], PROXY, "{outcomes:?}");
    assert!(auditor.of_kind("decision/1").iter().all(|decision| decision["proxy"] == PROXY));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_the_bundle_no_longer_names_is_out_at_its_next_request() {
    let (world, ..) = Secured::new().start().await;
    let request = || world.agent.request(&hello(), "GET", "/hello/you");
    world.allows(&request()).await;
    until("the access log to have a connection", async || {
        (log_connections(&world, "upstream_cx_total").await > 0).then_some(())
    })
    .await;

    name_proxies(&world.home, 3, &["local", "spiffe://demo/ns/demo/sa/another"]);
    world.server.wait_for_bundle_state("version 3 (sha256:").await;
    for _ in 0..5 {
        world.denies_with_status(&request(), 503).await;
    }
    until("the refusal to be counted", async || (counted(&world, NOT_NAMED).await > 0).then_some(())).await;
    until("its connections to be closed", async || {
        let log = world.server.process.log();
        log.contains("closing a connection: the active bundle does not name this proxy").then_some(())
    })
    .await;

    until("the connection of its access log to end", async || {
        (log_connections(&world, "upstream_cx_destroy").await > 0).then_some(())
    })
    .await;

    name_proxies(&world.home, 4, &["local", PROXY]);
    world.server.wait_for_bundle_state("version 4 (sha256:").await;
    until("the proxy to be answered again", async || {
        (world.send(&request()).await.status == 200).then_some(())
    })
    .await;
    world.end().await;
}

/// A count of the connections for the access log, in Envoy's words.
async fn log_connections(world: &World, name: &str) -> u64 {
    let name = format!("cluster.portcullis_access_log.{name}: ");
    let stats = get(world.envoy.admin(), "/stats?filter=portcullis_access_log").await.unwrap().text();
    stats.lines().find_map(|line| line.strip_prefix(&name)?.trim().parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bundles_proxies_change_under_load_and_only_those_that_are_named_are_answered() {
    let (world, ..) = Secured::new().start().await;
    let world = Arc::new(world);
    let changed = async |version: u64, ids: &[&str]| {
        name_proxies(&world.home, version, ids);
        world.server.wait_for_bundle_state(&format!("version {version} (sha256:")).await;
    };
    // While this proxy stays, others come and go.
    let over = Arc::new(AtomicBool::new(false));
    let clients = ask_by_four(&over, &world);
    for version in 3..9 {
        let other = format!("spiffe://demo/ns/demo/sa/other-{version}");
        changed(version, &["local", &other, PROXY]).await;
        // A decision that two activations overtake is denied as stale, so the next bundle waits for some answers.
        let before = world.upstream.executions().len();
        until("requests to be answered under it", async || {
            (world.upstream.executions().len() >= before + 8).then_some(())
        })
        .await;
    }
    over.store(true, Ordering::Relaxed);
    let answers = answers_of(clients).await;
    assert!(answers.keys().eq(&[200]), "{answers:?}\n{}", world.server.process.log());

    // After the bundle without this proxy is in force, every request is refused.
    changed(9, &["local"]).await;
    let executions = world.upstream.executions().len();
    let over = Arc::new(AtomicBool::new(false));
    let clients = ask_by_four(&over, &world);
    until("the refused connections to be closed", async || {
        (log_connections(&world, "upstream_cx_destroy").await > 0).then_some(())
    })
    .await;
    over.store(true, Ordering::Relaxed);
    let answers = answers_of(clients).await;
    assert!(answers.keys().eq(&[503]), "{answers:?}\n{}", world.server.process.log());
    assert_eq!(world.upstream.executions().len(), executions, "nothing was forwarded");
    Arc::into_inner(world).expect("every client has ended").end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_with_a_certificate_of_another_root_reaches_nothing() {
    let secured = Secured::new();
    Root::new("two").issue(&[PROXY], A_DAY).put(&secured.proxy, "proxy");
    let (world, root, proxy) = secured.start_unanswered().await;
    let request = || world.agent.request(&hello(), "GET", "/hello/you");
    for _ in 0..5 {
        world.denies_with_status(&request(), 503).await;
    }
    until("a failed handshake to be counted", async || {
        (counted(&world, NO_HANDSHAKE).await > 0).then_some(())
    })
    .await;

    root.issue(&[PROXY], A_DAY).put(&proxy, "proxy");
    until("Envoy to take the good certificate", async || {
        (world.send(&request()).await.status == 200).then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_with_a_good_certificate_that_the_bundle_does_not_name_reaches_nothing() {
    let secured = Secured::new();
    secured.root.issue(&["spiffe://demo/ns/demo/sa/stranger"], A_DAY).put(&secured.proxy, "proxy");
    let (world, root, proxy) = secured.start_unanswered().await;
    let request = || world.agent.request(&hello(), "GET", "/hello/you");
    for _ in 0..5 {
        world.denies_with_status(&request(), 503).await;
    }
    until("the refusal to be counted", async || (counted(&world, NOT_NAMED).await > 0).then_some(())).await;

    root.issue(&[PROXY], A_DAY).put(&proxy, "proxy");
    until("Envoy to take the certificate of a named proxy", async || {
        (world.send(&request()).await.status == 200).then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_and_roots_change_under_load_and_no_request_is_denied() {
    let (world, one, proxy) = Secured::new().start().await;
    let world = Arc::new(world);
    let over = Arc::new(AtomicBool::new(false));
    let clients = ask_by_four(&over, &world);
    let two = Root::new("two");
    let keys = world.home.file("keys");

    // A new certificate of the same root, then the other root beside the first.
    changed_at_server(&world, 1, || one.issue(&[SERVER], A_DAY).put(&keys, "server")).await;
    changed_at_server(&world, 2, || put_roots(&[&one, &two], &world.home.file("clients.pem"))).await;
    changed_at_proxy(&world, || put_roots(&[&one, &two], &proxy.join("roots.pem"))).await;
    changed_at_proxy(&world, || two.issue(&[PROXY], A_DAY).put(&proxy, "proxy")).await;
    changed_at_server(&world, 3, || two.issue(&[SERVER], A_DAY).put(&keys, "server")).await;
    // Now the first root goes. The proxy's connections, which it opened with a certificate of it, end.
    changed_at_server(&world, 4, || put_roots(&[&two], &world.home.file("clients.pem"))).await;
    until("the connections under the old root to be closed", async || {
        let log = world.server.process.log();
        log.contains("closing a connection: the roots and CRLs do not admit its certificate now")
            .then_some(())
    })
    .await;
    changed_at_proxy(&world, || put_roots(&[&two], &proxy.join("roots.pem"))).await;

    over.store(true, Ordering::Relaxed);
    let answers = answers_of(clients).await;
    println!("answers by status: {answers:?}");
    assert!(answers.keys().eq(&[200]), "{answers:?}\n{}", world.server.process.log());
    Arc::into_inner(world).expect("every client has ended").end().await;
}

/// Four clients that ask until it is over.
fn ask_by_four(over: &Arc<AtomicBool>, world: &Arc<World>) -> Vec<JoinHandle<Vec<u16>>> {
    (0..4).map(|_| tokio::spawn(ask_until(Arc::clone(over), Arc::clone(world)))).collect()
}

/// How many answers had each status.
async fn answers_of(clients: Vec<JoinHandle<Vec<u16>>>) -> BTreeMap<u16, u64> {
    let mut answers = BTreeMap::new();
    for client in clients {
        for status in client.await.expect("every request was answered") {
            *answers.entry(status).or_default() += 1;
        }
    }
    answers
}

async fn ask_until(over: Arc<AtomicBool>, world: Arc<World>) -> Vec<u16> {
    let mut answers = Vec::new();
    while !over.load(Ordering::Relaxed) {
        answers.push(world.send(&world.agent.request(&hello(), "GET", "/hello/you")).await.status);
    }
    answers
}

/// Changes files of the server and waits until it has taken new ones this many times.
async fn changed_at_server(world: &World, times: usize, change: impl FnOnce()) {
    change();
    until("the server to take the new files", async || {
        let taken = world.server.process.log().matches("took new files for TLS").count();
        (taken >= times).then_some(())
    })
    .await;
}

/// Changes files of Envoy and waits until both of its clusters have taken them.
async fn changed_at_proxy(world: &World, change: impl FnOnce()) {
    let before = updates(world).await;
    change();
    until("Envoy to take the new files", async || {
        let now = updates(world).await;
        now.iter().zip(&before).all(|(now, before)| now > before).then_some(())
    })
    .await;
}

async fn updates(world: &World) -> Vec<u64> {
    let stats = get(world.envoy.admin(), "/stats?filter=ssl_context_update_by_sds").await.unwrap().text();
    let values: Vec<u64> =
        stats.lines().filter_map(|line| line.split_once(": ")?.1.trim().parse().ok()).collect();
    assert_eq!(values.len(), 2, "one for each cluster: {stats}");
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_runs_out_soon_makes_the_server_unready_and_a_bad_file_does_not_replace_a_good_one()
 {
    const PART: &str = "TLS of proxies";
    let (world, root, _) = Secured::new().start().await;
    let keys = world.home.file("keys");
    let request = || world.agent.request(&hello(), "GET", "/hello/you");
    assert_eq!(world.server.readiness_of(PART).await, Ok(String::new()));

    put(&keys.join("server.pem"), "-----BEGIN CERTIFICATE-----\n", 0o644);
    let remark = until("the bad file to be refused", async || {
        world.server.readiness_of(PART).await.ok().filter(|remark| !remark.is_empty())
    })
    .await;
    assert!(remark.contains("stay in force") && remark.contains("keys/server.pem"), "{remark}");
    world.allows(&request()).await;

    root.issue(&[SERVER], (-86_400, 1800)).put(&keys, "server");
    let why = until("the server not to be ready", async || world.server.readiness_of(PART).await.err()).await;
    assert!(why.contains("keys/server.pem runs out at "), "{why}");
    world.allows(&request()).await;

    root.issue(&[SERVER], A_DAY).put(&keys, "server");
    until("the server to be ready", async || world.server.readiness_of(PART).await.ok()).await;
    world.allows(&request()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_reads_the_log_from_the_api_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let root = Root::new("one");
    let roots = home.file("roots.pem");
    put_roots(&[&root], &roots);
    root.issue(&[SERVER], A_DAY).put(&home.file("keys"), "server");
    home.configure(|configuration| {
        configuration["listen"]["api"] =
            json!({"address": "127.0.0.1:0", "certificate": "keys/server.pem", "key": "keys/server.key"});
    });
    let server = Server::start(&home).await;
    let auditor = LedgerAuditor::new(&home, directory.path());
    let read = |trusted: &Path| {
        let mut command = Command::new(programs::portcullis());
        command.args(["ledger", "verify", &format!("https://localhost:{}/log", server.api().port())]);
        command.arg("--vkey").arg(auditor.key()).arg("--token-file").arg(home.file("keys/read-log.token"));
        tokio::task::block_in_place(|| command.env("SSL_CERT_FILE", trusted).output().unwrap())
    };
    let output = read(&roots);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let others = home.file("others.pem");
    put_roots(&[&Root::new("two")], &others);
    let output = read(&others);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("certificate"), "{said}");
}
