//! A mesh with a shop in it: the installed product, a workload that it guards, and a client. Every test begins here.

use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::certificates::Root;
use portcullis_tests::client::{ClientRequest, ClientResponse};
use portcullis_tests::command::{CommandOutput, portcullis};
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::mesh::{Cluster, Istio, NODE, Pod, PodPlan, Registry};
use portcullis_tests::programs;
use portcullis_tests::server::Home;
use portcullis_tests::upstream::{Execution, Upstream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use tempfile::TempDir;

/// The host of the guarded workload.
pub(crate) const HOST: &str = "app.shop.svc.cluster.local";
/// The address of its Service.
const SERVICE: &str = "10.96.0.80:80";
/// The identity of its proxy.
pub(crate) const APP: &str = "spiffe://cluster.local/ns/shop/sa/app";
/// The identity of the client.
pub(crate) const CLIENT: &str = "spiffe://cluster.local/ns/shop/sa/client";
/// The namespace of the server.
pub(crate) const SYSTEM: &str = "portcullis";

/// The mesh, and what is installed in it.
pub(crate) struct Shop {
    istio: Option<Istio>,
    pub(crate) home: Home,
    pub(crate) agent: Agent,
    /// The image of the gate's module.
    pub(crate) module: String,
    _registry: Registry,
    pub(crate) cluster: Cluster,
    directory: TempDir,
    /// The decisions that a client was told of, and how each ended.
    told: Mutex<BTreeMap<String, Told>>,
}

/// How a decision ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Denied(String),
    Executed,
}

impl Shop {
    /// A cluster with Istio, and a home directory on a machine outside. Nothing is installed yet.
    pub(crate) async fn open() -> Shop {
        Shop::open_with(&Root::new("the first authority")).await
    }

    /// The same with this authority for the identities of workloads.
    pub(crate) async fn open_with(authority: &Root) -> Shop {
        let cluster = Cluster::start().await;
        let istio = Istio::start(&cluster, authority).await;
        let shop = Shop::in_cluster(cluster, Some(istio));
        shop.cluster.namespace("shop", &["istio-injection=enabled"]);
        for account in ["app", "client"] {
            shop.cluster.account("shop", account);
        }
        shop.cluster.apply(OBJECTS);
        shop
    }

    /// The same without Istio, and without the workloads of the shop.
    pub(crate) async fn open_without_istio() -> Shop {
        Shop::in_cluster(Cluster::start().await, None)
    }

    fn in_cluster(cluster: Cluster, istio: Option<Istio>) -> Shop {
        let directory = tempfile::Builder::new().prefix("portcullis-shop-").tempdir().unwrap();
        let arguments = ["--host", HOST, "--alias", &format!("{HOST}:80"), "--proxy", APP];
        let home = Home::init_for_cluster(directory.path(), &arguments);
        cluster.namespace(SYSTEM, &["pod-security.kubernetes.io/enforce=restricted"]);
        let port = cluster.node().listen(5000);
        let registry = Registry::start(port, &format!("{NODE}:5000"), &programs::module());
        let (agent, module) = (Agent::at(&home), registry.image().to_owned());
        Shop { istio, home, agent, module, _registry: registry, cluster, directory, told: Mutex::default() }
    }

    /// What istiod has sent to a proxy, as text.
    pub(crate) async fn sent_to(&self, proxy: &str) -> Option<String> {
        self.istio.as_ref()?.configuration_of(&self.cluster, proxy).await
    }

    /// Runs `istioctl`.
    pub(crate) fn istioctl(&self, arguments: &[&str]) -> CommandOutput {
        self.istio.as_ref().expect("this shop has Istio").istioctl(&self.cluster, arguments)
    }

    /// The control plane of Istio.
    pub(crate) fn istio(&mut self) -> (&mut Istio, &Cluster) {
        (self.istio.as_mut().expect("this shop has Istio"), &self.cluster)
    }

    /// Writes a document of the policy.
    pub(crate) fn write(&self, document: &str, content: &str) {
        let file = self.home.file("policy").join(document);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        put(&file, content);
    }

    /// Changes a document of the policy as text.
    pub(crate) fn edit(&self, document: &str, from: &str, to: &str) {
        let file = self.home.file("policy").join(document);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{document} has no {from}");
        put(&file, &text.replace(from, to));
    }

    /// Names the proxies of the mesh.
    pub(crate) fn write_proxies(&self, proxies: &Value) {
        let document = json!({"apiVersion": "portcullis.dev/v1alpha1", "kind": "Proxies", "spec": proxies});
        self.write("proxies.yaml", &document.to_string());
    }

    /// Writes a route of the team `demo`.
    pub(crate) fn write_route(&self, name: &str, spec: &Value) {
        let document = json!({
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "GovernedRoute", "metadata": {"name": name}, "spec": spec,
        });
        self.write(&format!("routes/demo/{name}.yaml"), &document.to_string());
    }

    /// Signs the policy.
    pub(crate) fn sign(&self) {
        done(&["policy", "sign", "--home", &self.at("home")]);
    }

    /// Applies the Secrets of this home directory, and installs the chart with these guarded proxies.
    pub(crate) fn install(&self, guarded: &Value) {
        self.install_with(&istio(guarded));
    }

    /// The same with these values.
    pub(crate) fn install_with(&self, values: &Value) {
        done(&["kubernetes", "--home", &self.at("home")]);
        let secrets = self.at("home/kubernetes/secrets.yaml");
        self.cluster.kubectl(&["apply", "--server-side", "-f", &secrets]);
        self.helm("install", values);
    }

    /// Runs `helm upgrade` with these guarded proxies.
    pub(crate) fn upgrade(&self, guarded: &Value) {
        self.helm("upgrade", &istio(guarded));
    }

    /// Runs `helm install` or `helm upgrade` with the values of the home directory, those of a shop, and these.
    pub(crate) fn helm(&self, verb: &str, values: &Value) {
        let mut mine = json!({
            "image": {
                "repository": "registry.example/portcullis",
                "digest": format!("sha256:{}", "0".repeat(64)),
            },
            "server": {"environment": {"region": "eu-1"}},
            // The shortest that there is. A certificate has half of it left when it is renewed.
            "identity": {"istio": {"certificateTtl": "1m"}},
            "filters": {"module": {"image": self.module}, "maxConnectionDuration": "20s"},
        });
        merge(&mut mine, values);
        let file = self.at("mine.yaml");
        put(Path::new(&file), &mine.to_string());
        let chart = programs::repository().join("k8s/chart");
        let known = self.at("home/kubernetes/values.yaml");
        let values = ["--namespace", SYSTEM, "--values", &known, "--values", &file];
        self.cluster
            .helm(&[&[verb, "portcullis", chart.to_str().unwrap()], &values[..]].concat())
            .unwrap_or_else(|refused| panic!("{}", refused.0));
    }

    /// A file of the machine on which the policy is written.
    fn at(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Makes a Secret in the server's namespace.
    pub(crate) fn make_secret(&self, name: &str, members: &Value) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": SYSTEM}, "stringData": members,
        });
        self.cluster.apply(&secret.to_string());
    }

    /// Makes the Secret with the signed base, as k8s/README.md says.
    pub(crate) fn make_base_secret(&self) {
        let archive = self.at("base.tar.gz");
        let mut tar = Command::new("tar");
        let packed =
            tar.arg("-C").arg(self.home.directory()).args(["-czf", &archive, "bundle"]).status().unwrap();
        assert!(packed.success());
        let from = format!("--from-file={archive}");
        self.cluster.kubectl(&[
            "--namespace",
            SYSTEM,
            "create",
            "secret",
            "generic",
            "portcullis-base",
            &from,
        ]);
    }

    /// Puts the signed bundle on the server's volume, as `kubectl cp` would.
    pub(crate) fn put_bundle(&self, server: &Pod) {
        server.copy_in(&self.home.file("bundle"), "server", "data", "bundle");
    }

    /// The server's pod.
    pub(crate) async fn server(&self) -> Pod {
        PodPlan::of_controller(&self.cluster, SYSTEM, "statefulset", "portcullis").start(&self.cluster).await
    }

    /// A workload's pod. Its certificate is renewed twice a minute.
    pub(crate) async fn pod(&self, app: &str) -> Pod {
        workload(app).start(&self.cluster).await
    }

    /// A request that nothing is wrong with.
    pub(crate) fn good(&self) -> ClientRequest {
        self.asking(&self.warrant())
    }

    /// A request with a new warrant of this content.
    pub(crate) fn asking(&self, content: &WarrantSpec) -> ClientRequest {
        self.asking_for("/hello/you", content)
    }

    /// The same for this path.
    pub(crate) fn asking_for(&self, path: &str, content: &WarrantSpec) -> ClientRequest {
        self.agent.present(&self.agent.warrant(content), ClientRequest::new("GET", HOST, path))
    }

    /// What the agent may do.
    #[expect(clippy::unused_self, reason = "the content of the shop's warrants")]
    pub(crate) fn warrant(&self) -> WarrantSpec {
        WarrantSpec { host: HOST.to_owned(), ..hello() }
    }

    /// A warrant for everything on the host.
    pub(crate) fn everything(&self) -> WarrantSpec {
        WarrantSpec { path: "/**".into(), ..self.warrant() }
    }

    /// Sends a request as the client's program does.
    pub(crate) async fn send(&self, client: &Pod, request: &ClientRequest) -> ClientResponse {
        let answer = client.send(service(), request).await;
        let answer = answer.unwrap_or_else(|why| panic!("no answer to {request:?}: {why}"));
        self.note(&answer);
        answer
    }

    /// Waits until requests with a warrant are allowed.
    pub(crate) async fn until_allowed(&self, client: &Pod) {
        until("requests to be allowed", async || {
            (self.send(client, &self.good()).await.status == 200).then_some(())
        })
        .await;
    }

    /// Runs a command of `portcullis` in the server's pod.
    #[expect(clippy::unused_self, reason = "an operator of the shop")]
    pub(crate) fn operate(&self, server: &Pod, arguments: &[&str]) {
        let config = ["--reason", "a drill", "--config", "/etc/portcullis/portcullis.yaml"];
        let command = [&["/usr/local/bin/portcullis"], arguments, &config].concat();
        let output = server.exec("server", &command);
        assert_eq!(output.status, 0, "{arguments:?}: {}", output.err);
    }

    /// Remembers what a client was told.
    pub(crate) fn note(&self, answer: &ClientResponse) {
        let Ok(problem) = serde_json::from_slice::<Value>(&answer.body) else { return };
        // The gate's own denials have no decision, and a flood is recorded in summaries.
        if let (Some(decision), Some(code)) = (problem["decision"].as_str(), answer.code())
            && problem["recorded"] != "summary"
        {
            self.told.lock().unwrap().insert(decision.to_owned(), Told::Denied(code));
        }
    }

    /// The end of every test: each execution had a decision, and each decision that a client or a workload knows of is in the ledger,
    /// which an auditor verifies with the key of the first one. Returns the decisions.
    pub(crate) fn audit(&self, ledger: &Path, upstreams: &[&Upstream]) -> Vec<Value> {
        let mut executions = Vec::new();
        for upstream in upstreams {
            assert_eq!(upstream.decisions_executed_twice(), Vec::<String>::new());
            executions.extend(upstream.executions());
        }
        self.audit_of(ledger, &executions)
    }

    /// The same for a workload that was live before it was guarded: it counts from this execution on.
    pub(crate) fn audit_after(&self, ledger: &Path, upstream: &Upstream, first: usize) -> Vec<Value> {
        assert_eq!(upstream.decisions_executed_twice(), Vec::<String>::new());
        self.audit_of(ledger, &upstream.executions()[first..])
    }

    fn audit_of(&self, ledger: &Path, executions: &[Execution]) -> Vec<Value> {
        let mut known = self.told.lock().unwrap().clone();
        for execution in executions {
            let decision = execution.decision();
            let decision = decision.unwrap_or_else(|| panic!("executed without a decision: {execution:?}"));
            known.insert(decision.to_owned(), Told::Executed);
        }
        let auditor = LedgerAuditor::of_ledger_at(ledger, &self.home, self.directory.path());
        auditor.audit(ledger, &[]).expect_holds();
        let decisions = auditor.decisions();
        let recorded: BTreeMap<&str, &Value> =
            decisions.iter().map(|decision| (decision["id"].as_str().unwrap(), decision)).collect();
        assert!(known.len() > 1, "nobody was told anything: this test shows nothing");
        for (id, told) in &known {
            let decision =
                recorded.get(id.as_str()).unwrap_or_else(|| panic!("{id} ({told:?}) is not on record"));
            let recorded = match decision["outcome"].as_str().unwrap() {
                "allowed" => Told::Executed,
                code => Told::Denied(code.to_owned()),
            };
            assert_eq!(&recorded, told, "{decision}");
        }
        decisions
    }
}

/// Runs a command of `portcullis` on the machine on which the policy is written. Returns what it printed.
pub(crate) fn done(arguments: &[&str]) -> String {
    let output = portcullis(arguments);
    assert_eq!(output.status, 0, "{arguments:?}: {}", output.err);
    output.out
}

/// The values for these guarded proxies.
fn istio(guarded: &Value) -> Value {
    json!({"istio": {"guarded": guarded}})
}

/// The pod of a workload.
pub(crate) fn workload(app: &str) -> PodPlan {
    PodPlan::app("shop", app)
        .annotation("proxy.istio.io/config", "{\"proxyMetadata\":{\"SECRET_TTL\":\"1m\"}}")
}

/// The workload's Service, and mutual TLS everywhere.
const OBJECTS: &str = "
apiVersion: v1
kind: Service
metadata: {name: app, namespace: shop}
spec: {clusterIP: 10.96.0.80, selector: {app: app}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
";

/// The workload's Service.
pub(crate) fn service() -> SocketAddr {
    SERVICE.parse().unwrap()
}

/// Puts members over those of another object, at any depth.
pub(crate) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn put(file: &Path, content: &str) {
    fs::write(file, content).unwrap();
}
