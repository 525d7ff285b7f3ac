//! Istio's control plane: its objects, and a running istiod.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::NODE;
use super::cluster::Cluster;
use super::container::text;
use super::programs::peer;
use crate::certificates::{Root, put, put_roots};
use crate::command::CommandOutput;
use crate::condition::until;
use crate::process::{Process, last_lines};

/// What differs from Istio's profile `minimal`. The Envoy at hand has none of Istio's own filters, so those are switched off.
const OPERATOR: &str = "
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  profile: minimal
  meshConfig:
    accessLogFile: /dev/stdout
    enablePrometheusMerge: false
    defaultProviders: {metrics: []}
    defaultConfig: {concurrency: 1}
";

/// istiod with its objects in a cluster.
#[derive(Debug)]
pub struct Istio {
    process: Option<Process>,
}

impl Istio {
    /// Installs Istio's objects and starts istiod.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(cluster: &Cluster, authority: &Root) -> Istio {
        cluster.namespace("istio-system", &[]);
        let gateway_api = peer("envoy-gateway/files").join("gateway-api-crds");
        cluster.kubectl(&["apply", "--server-side", "-f", gateway_api.to_str().expect("paths are text")]);
        let manifest = manifest(cluster);
        cluster.apply(&manifest);
        // Nothing here makes endpoints for a program that is not in a pod.
        cluster.apply(&format!(
            "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: istiod-node, namespace: istio-system, labels: {{kubernetes.io/service-name: istiod}}}}
addressType: IPv4
ports:
  - {{name: grpc-xds, port: 15010}}
  - {{name: https-dns, port: 15012}}
  - {{name: https-webhook, port: 15017}}
  - {{name: http-monitoring, port: 15014}}
endpoints: [{{addresses: [{NODE}], conditions: {{ready: true}}}}]
"
        ));
        Istio::give(cluster, authority, &[authority]);
        let mut istio = Istio { process: None };
        istio.resume(cluster).await;
        istio
    }

    /// Starts istiod again, and waits until it does all of its work.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn resume(&mut self, cluster: &Cluster) {
        let process = self.process.insert(cluster.node().start("istiod", istiod(cluster)));
        until("istiod to be ready", async || {
            process.assert_runs();
            let ready = cluster.ask("127.0.0.1:8080", "/ready").await?;
            (ready.status == 200).then_some(())
        })
        .await;
        until("istiod to give its root to namespaces", async || {
            cluster.try_kubectl(&["get", "configmap", "istio-ca-root-cert"]).ok()
        })
        .await;
        // Until then, objects of Istio that are not valid are accepted.
        until("istiod to judge objects", async || {
            let kind = "validatingwebhookconfiguration";
            let hook = cluster.get("default", kind, "istio-validator-istio-system");
            (text(&hook["webhooks"][0]["failurePolicy"]) == "Fail").then_some(())
        })
        .await;
    }

    /// Gives istiod an authority to sign with, and the roots that workloads trust: the Secret `cacerts`, as a kubelet would mount it. A
    /// running istiod takes it within seconds.
    pub fn give(cluster: &Cluster, authority: &Root, trusted: &[&Root]) {
        let at = authorities(cluster);
        fs::create_dir_all(&at).expect("a temporary directory");
        put_roots(trusted, &at.join("root-cert.pem"));
        put(&at.join("ca-key.pem"), &authority.key_pem(), 0o600);
        put_roots(&[authority], &at.join("cert-chain.pem"));
        put_roots(&[authority], &at.join("ca-cert.pem"));
    }

    /// What istiod has sent to a proxy, as text.
    pub async fn configuration_of(&self, cluster: &Cluster, proxy: &str) -> Option<String> {
        let answer = cluster.ask("127.0.0.1:8080", &format!("/debug/config_dump?proxyID={proxy}")).await?;
        (answer.status == 200).then(|| answer.text())
    }

    /// What `istioctl` prints with these arguments. It asks istiod itself: in a cluster it would have the kubelet forward a port.
    ///
    /// # Panics
    /// When it cannot be run.
    #[must_use]
    pub fn istioctl(&self, cluster: &Cluster, arguments: &[&str]) -> CommandOutput {
        let mut istioctl = Command::new(peer("istioctl"));
        istioctl.args(arguments).args(["--xds-address", &format!("{NODE}:15010"), "--plaintext"]);
        istioctl.arg("--kubeconfig").arg(cluster.directory().join("kubeconfig"));
        CommandOutput::of(&cluster.node().run(istioctl.env("HOME", cluster.directory())))
    }

    /// Ends istiod at once. Its objects stay.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        self.process.take().expect("istiod runs").kill();
    }
}

impl Drop for Istio {
    fn drop(&mut self) {
        if let Some(process) = self.process.as_ref().filter(|_| std::thread::panicking()) {
            eprintln!("---- log of istiod:\n{}", last_lines(&process.log()));
        }
    }
}

fn authorities(cluster: &Cluster) -> PathBuf {
    cluster.directory().join("cacerts")
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn manifest(cluster: &Cluster) -> String {
    let operator = cluster.directory().join("istio-operator.yaml");
    fs::write(&operator, OPERATOR).expect("a temporary file can be written");
    let mut istioctl = Command::new(peer("istioctl"));
    istioctl.args(["manifest", "generate", "--set", "profile=minimal", "--filename"]).arg(&operator);
    let output = cluster.node().run(istioctl.env("HOME", cluster.directory()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("manifests are text")
}

/// It has its own ServiceAccount's rights, and no more.
fn istiod(cluster: &Cluster) -> Command {
    let token = cluster.shared.token("istio-system", "istiod", None);
    let kubeconfig = cluster.kubeconfig("istiod.kubeconfig", &token);
    // It would read files of Istio in its working directory instead of its objects in the cluster.
    let at = cluster.directory().join("istiod");
    fs::create_dir_all(&at).expect("a temporary directory");
    let mut command = Command::new(peer("pilot-discovery"));
    command.arg("discovery").arg("--kubeconfig").arg(kubeconfig);
    command.args(["--domain", "cluster.local", "--clusterID", "Kubernetes"]).current_dir(at);
    command.env("ROOT_CA_DIR", authorities(cluster));
    command.envs([
        ("REVISION", "default"),
        ("POD_NAMESPACE", "istio-system"),
        ("POD_NAME", "istiod"),
        ("SERVICE_ACCOUNT", "istiod"),
        ("PILOT_ENABLE_AMBIENT", "true"),
        // Without it istiod takes no other root while it runs.
        ("ISTIO_MULTIROOT_MESH", "true"),
        ("PILOT_ENABLE_ALPN_FILTER", "false"),
        ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
        ("ENABLE_DEBUG_ENDPOINT_AUTH", "false"),
        ("VALIDATION_WEBHOOK_CONFIG_NAME", "istio-validator-istio-system"),
        ("INJECTION_WEBHOOK_CONFIG_NAME", "istio-sidecar-injector"),
    ]);
    command
}
