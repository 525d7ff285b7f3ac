//! A Kubernetes API server with its store, and the tools that people use with it. There are no nodes and no controllers: what they would
//! do for a test is in `pod` and `endpoints`.

use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tempfile::TempDir;

use super::NODE;
use super::container::text;
use super::namespaces::Network;
use super::programs::peer;
use crate::client::{ClientRequest, ClientResponse};
use crate::condition::until;
use crate::process::Process;

/// The range of the addresses of Services.
const SERVICES: &str = "10.96.0.0/16";
const ADMIN: &str = "admin-of-the-test";

/// A running API server.
#[derive(Debug)]
pub struct Cluster {
    apiserver: Process,
    etcd: Process,
    pub(super) shared: Arc<Shared>,
    directory: TempDir,
}

/// What pods need of it.
#[derive(Debug)]
pub(super) struct Shared {
    pub node: Network,
    pub directory: PathBuf,
    next_address: AtomicU8,
}

/// What a tool said when it was refused.
#[derive(Clone, Debug)]
pub struct Refused(pub String);

impl Cluster {
    /// Starts the store and the API server.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start() -> Cluster {
        let directory =
            tempfile::Builder::new().prefix("portcullis-mesh-").tempdir().expect("a temporary directory");
        let node = Network::node();
        let at = directory.path();
        let etcd = node.start("etcd", etcd(at));
        make_keys(at);
        let apiserver = node.start("kube-apiserver", apiserver(at));
        let shared = Shared { node, directory: at.to_owned(), next_address: AtomicU8::new(10) };
        let shared = Arc::new(shared);
        let mut cluster = Cluster { apiserver, etcd, shared, directory };
        until("the API server to be ready", async || {
            cluster.apiserver.assert_runs();
            cluster.etcd.assert_runs();
            cluster.try_kubectl(&["get", "--raw", "/readyz"]).ok()
        })
        .await;
        cluster.account("default", "default");
        cluster
    }

    /// The node's network.
    #[must_use]
    pub fn node(&self) -> &Network {
        &self.shared.node
    }

    /// A directory for files of this cluster.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs `kubectl` as the administrator. It must succeed.
    ///
    /// # Panics
    /// When it does not.
    #[expect(clippy::must_use_candidate, reason = "many calls only change something")]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.shared.kubectl(arguments)
    }

    /// The same, and it may be refused.
    ///
    /// # Errors
    /// What it said.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, Refused> {
        self.shared.try_kubectl(arguments, "")
    }

    /// Applies these objects. They are YAML or JSON.
    ///
    /// # Panics
    /// When one is refused.
    pub fn apply(&self, objects: &str) {
        self.shared.apply(objects);
    }

    /// The same, and they may be refused.
    ///
    /// # Errors
    /// What `kubectl` said.
    pub fn try_apply(&self, objects: &str) -> Result<String, Refused> {
        self.shared.try_apply(objects)
    }

    /// One object.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn get(&self, namespace: &str, kind: &str, name: &str) -> Value {
        self.shared.get(namespace, kind, name)
    }

    /// Makes a namespace with these labels, and what controllers put into each.
    ///
    /// # Panics
    /// When it is refused.
    pub fn namespace(&self, name: &str, labels: &[&str]) {
        self.kubectl(&["create", "namespace", name]);
        for label in labels {
            self.kubectl(&["label", "namespace", name, label]);
        }
        self.furnish(name);
    }

    /// Puts into a namespace what controllers put into each, if it is not there yet: the ServiceAccount `default`, and the API server's
    /// root.
    ///
    /// # Panics
    /// When it is refused.
    pub fn furnish(&self, namespace: &str) {
        if self.try_kubectl(&["--namespace", namespace, "get", "serviceaccount", "default"]).is_ok() {
            return;
        }
        self.account(namespace, "default");
        let root = format!("--from-file=ca.crt={}", self.directory().join("pki/apiserver.crt").display());
        self.kubectl(&["--namespace", namespace, "create", "configmap", "kube-root-ca.crt", &root]);
    }

    /// Makes a ServiceAccount.
    ///
    /// # Panics
    /// When it is refused.
    pub fn account(&self, namespace: &str, name: &str) {
        self.kubectl(&["--namespace", namespace, "create", "serviceaccount", name]);
    }

    /// Runs `helm` with these arguments.
    ///
    /// # Errors
    /// What it said.
    pub fn helm(&self, arguments: &[&str]) -> Result<String, Refused> {
        let mut helm = Command::new(peer("helm"));
        helm.args(arguments).arg("--kubeconfig").arg(self.directory().join("kubeconfig"));
        helm.env("HOME", self.directory());
        self.shared.tool(helm, "")
    }

    /// Sends a request from the node.
    pub(super) async fn ask(&self, address: &str, target: &str) -> Option<ClientResponse> {
        let stream = self.node().connect(address.parse().expect("an address")).await.ok()?;
        ClientRequest::new("GET", address, target).send_over(stream).await.ok()
    }

    /// Writes a kubeconfig for the holder of this token.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn kubeconfig(&self, name: &str, token: &str) -> PathBuf {
        kubeconfig(self.directory(), name, token)
    }
}

impl Shared {
    /// An address for one more pod.
    pub(super) fn next_address(&self) -> String {
        let last = self.next_address.fetch_add(1, Ordering::Relaxed);
        assert!(last < 250, "a test has at most 240 pods");
        format!("10.99.0.{last}")
    }

    /// The directory of a pod on this machine.
    pub(super) fn directory_of(&self, pod: &Value) -> PathBuf {
        self.directory.join("pods").join(namespace(pod)).join(name(pod))
    }

    pub(super) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments, "").unwrap_or_else(|refused| panic!("{arguments:?}: {}", refused.0))
    }

    pub(super) fn try_kubectl(&self, arguments: &[&str], input: &str) -> Result<String, Refused> {
        let mut kubectl = Command::new(peer("kubectl"));
        kubectl.arg("--kubeconfig").arg(self.directory.join("kubeconfig"));
        kubectl.arg("--cache-dir").arg(self.directory.join("kubectl-cache")).args(arguments);
        self.tool(kubectl, input)
    }

    pub(super) fn apply(&self, objects: &str) {
        self.try_apply(objects).unwrap_or_else(|refused| panic!("{}\n{objects}", refused.0));
    }

    pub(super) fn try_apply(&self, objects: &str) -> Result<String, Refused> {
        self.try_kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], objects)
    }

    pub(super) fn get(&self, namespace: &str, kind: &str, name: &str) -> Value {
        self.find(namespace, kind, name).unwrap_or_else(|| panic!("there is no {kind} {name} in {namespace}"))
    }

    /// One object, if there is one.
    pub(super) fn find(&self, namespace: &str, kind: &str, name: &str) -> Option<Value> {
        let get = ["--namespace", namespace, "get", kind, name, "--ignore-not-found", "--output", "json"];
        let found = self.kubectl(&get);
        (!found.is_empty()).then(|| serde_json::from_str(&found).expect("kubectl prints JSON"))
    }

    /// Every object of a kind in a namespace.
    pub(super) fn list(&self, namespace: &str, kind: &str) -> Vec<Value> {
        let found = self.kubectl(&["--namespace", namespace, "get", kind, "--output", "json"]);
        let mut found: Value = serde_json::from_str(&found).expect("kubectl prints JSON");
        serde_json::from_value(found["items"].take()).expect("a list")
    }

    pub(super) fn token(&self, namespace: &str, account: &str, audience: Option<&str>) -> String {
        let mut arguments = vec!["--namespace", namespace, "create", "token", account, "--duration", "12h"];
        if let Some(audience) = audience {
            arguments.extend(["--audience", audience]);
        }
        self.kubectl(&arguments).trim().to_owned()
    }

    /// Runs a tool in the node's network.
    fn tool(&self, mut tool: Command, input: &str) -> Result<String, Refused> {
        if input.is_empty() {
            tool.stdin(Stdio::null());
        } else {
            let file = tempfile::tempfile_in(&self.directory).and_then(|mut file| {
                file.write_all(input.as_bytes())?;
                std::io::Seek::rewind(&mut file)?;
                Ok(file)
            });
            tool.stdin(file.expect("a temporary file can be written"));
        }
        let output = self.node.run(&mut tool);
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(said(&output.stdout))
        } else {
            Err(Refused(said(&output.stderr) + &said(&output.stdout)))
        }
    }
}

fn etcd(at: &Path) -> Command {
    let mut command = Command::new(peer("etcd"));
    command.arg("--data-dir").arg(at.join("etcd")).args(["--unsafe-no-fsync", "--log-level", "warn"]);
    command.args(["--listen-client-urls", "http://127.0.0.1:2379"]);
    command.args(["--advertise-client-urls", "http://127.0.0.1:2379"]);
    command.args(["--listen-peer-urls", "http://127.0.0.1:2380"]);
    command.args(["--initial-advertise-peer-urls", "http://127.0.0.1:2380"]);
    command.args(["--initial-cluster", "default=http://127.0.0.1:2380"]);
    command
}

fn apiserver(at: &Path) -> Command {
    let file = |flag: &str, name: &str| format!("--{flag}={}", at.join(name).display());
    let mut command = Command::new(peer("kube-apiserver"));
    command.args([
        "--etcd-servers=http://127.0.0.1:2379",
        "--secure-port=6443",
        "--endpoint-reconciler-type=none",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--api-audiences=https://kubernetes.default.svc,istio-ca",
        "--authorization-mode=RBAC",
        // Webhooks by Service then work without kube-proxy.
        "--enable-aggregator-routing=true",
        "--allow-privileged=true",
        "--anonymous-auth=true",
    ]);
    // Pods reach it at the node's address.
    command.arg(format!("--bind-address={NODE}")).arg(format!("--advertise-address={NODE}"));
    command.arg(format!("--service-cluster-ip-range={SERVICES}"));
    command.arg(file("cert-dir", "pki")).arg(file("token-auth-file", "tokens.csv"));
    command.arg(file("service-account-key-file", "sa.pub"));
    command.arg(file("service-account-signing-key-file", "sa.key"));
    command
}

/// The keys of ServiceAccounts, and the administrator's token.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn make_keys(at: &Path) {
    let script = "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out sa.key && openssl pkey -in sa.key -pubout -out sa.pub";
    let made = Command::new("sh").args(["-c", script]).current_dir(at).output().expect("there is a shell");
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    let tokens = format!("{ADMIN},admin,admin,\"system:masters\"\n");
    fs::write(at.join("tokens.csv"), tokens).expect("a temporary file can be written");
    let _ = kubeconfig(at, "kubeconfig", ADMIN);
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn kubeconfig(at: &Path, name: &str, token: &str) -> PathBuf {
    let authority = at.join("pki/apiserver.crt");
    let cluster = json!({"server": format!("https://{NODE}:6443"), "certificate-authority": authority});
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "mesh", "cluster": cluster}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "mesh", "context": {"cluster": "mesh", "user": "user"}}],
        "current-context": "mesh",
    });
    let file = at.join(name);
    fs::write(&file, config.to_string()).expect("a temporary file can be written");
    file
}

/// The name of an object.
pub(super) fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

/// The namespace of an object.
pub(super) fn namespace(object: &Value) -> &str {
    text(&object["metadata"]["namespace"])
}
