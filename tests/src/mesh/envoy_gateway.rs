//! Envoy Gateway, which starts and ends an Envoy of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::NODE;
use super::cluster::Cluster;
use super::programs::peer;
use crate::process::{Process, last_lines};
use crate::programs;

/// A running Envoy Gateway.
#[derive(Debug)]
pub struct EnvoyGateway {
    process: Process,
    directory: PathBuf,
}

const CONFIGURATION: &str = r#"
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
gateway: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
provider:
  type: Custom
  custom:
    resource: {type: Kubernetes, kubernetes: {leaderElection: {disable: true}}}
    infrastructure: {type: Host, host: {configHome: "$D/config", dataHome: "$D/data", stateHome: "$D/state", runtimeDir: "$D/runtime"}}
logging: {level: {default: info}}
extensionApis: {enableBackend: true, enableEnvoyPatchPolicy: true}
"#;

/// It reads its own certificate from the fixed directory `/certs`, and its Envoy fetches the module from it by its name in a cluster. So
/// they get a root of their own, with this directory and this name in it.
const ROOT: &str = r#"
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$R"
for d in /*; do
  if [ -L "$d" ]; then cp -P "$d" "$R$d"; elif [ -d "$d" ]; then mkdir "$R$d"; mount --rbind "$d" "$R$d"; fi
done
mkdir "$R/certs"
mount --bind "$D/config/certs/envoy-gateway" "$R/certs"
mount --bind "$D/hosts" "$R/etc/hosts"
exec chroot "$R" "$@"
"#;

impl EnvoyGateway {
    /// Installs the CRDs of the Gateway API and of Envoy Gateway, and starts it. It and istiod cannot run in one network: both want
    /// port 8080.
    ///
    /// # Panics
    /// When something is refused.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub fn start(cluster: &Cluster) -> EnvoyGateway {
        let files = peer("envoy-gateway/files");
        let folder = |name: &str| files.join(name).to_str().expect("paths are text").to_owned();
        let (gateway_api, own) = (folder("gateway-api-crds"), folder("envoy-gateway-crds"));
        cluster.kubectl(&["apply", "--server-side", "-f", &gateway_api, "-f", &own]);
        cluster.kubectl(&["wait", "--for", "condition=established", "crd", "--all", "--timeout=60s"]);
        cluster.namespace("envoy-gateway-system", &[]);

        let at = cluster.directory().join("envoy-gateway");
        for folder in ["config", "data/envoy-versions/1.40.0/bin", "state", "runtime", "home", "root"] {
            fs::create_dir_all(at.join(folder)).expect("a temporary directory");
        }
        symlink(programs::envoy(), at.join("data/envoy-versions/1.40.0/bin/envoy"))
            .expect("it is not there yet");
        let configuration = CONFIGURATION.replace("$D", at.to_str().expect("paths are text"));
        fs::write(at.join("envoy-gateway.yaml"), configuration).expect("a temporary file can be written");
        let hosts =
            format!("127.0.0.1 localhost\n{NODE} envoy-gateway.envoy-gateway-system.svc.cluster.local\n");
        fs::write(at.join("hosts"), hosts).expect("a temporary file can be written");
        make_certificates(cluster, &at);
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", ROOT, "sh"]).arg(peer("envoy-gateway"));
        command.args(["server", "--config-path"]).arg(at.join("envoy-gateway.yaml"));
        command.env("R", at.join("root")).env("D", &at).env("HOME", at.join("home"));
        command.env("KUBECONFIG", cluster.directory().join("kubeconfig"));
        command.env("ENVOY_GATEWAY_NAMESPACE", "envoy-gateway-system");
        EnvoyGateway { process: cluster.node().start("envoy-gateway", command), directory: at }
    }

    /// What its Envoys have written; nothing if none ran.
    fn log_of_envoy(&self) -> String {
        let runs = fs::read_dir(self.directory.join("state/envoy-runs")).into_iter().flatten().flatten();
        runs.filter_map(|run| fs::read_to_string(run.path().join("stderr.log")).ok()).collect()
    }
}

impl Drop for EnvoyGateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of envoy-gateway:\n{}", last_lines(&self.process.log()));
            eprintln!("---- log of its Envoy:\n{}", last_lines(&self.log_of_envoy()));
        }
    }
}

fn make_certificates(cluster: &Cluster, at: &Path) {
    let mut make = Command::new(peer("envoy-gateway"));
    make.args(["certgen", "--local", "--config-home"]).arg(at.join("config")).env("HOME", at.join("home"));
    let output = cluster.node().run(&mut make);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let from = |name: &str| format!("--from-file={}", at.join("config/certs").join(name).display());
    let secret = ["--namespace", "envoy-gateway-system", "create", "secret", "generic"];
    cluster.kubectl(&[&secret[..], &["envoy-oidc-hmac", &from("envoy-oidc-hmac/hmac-secret")]].concat());
    cluster.kubectl(&[&secret[..], &["envoy", "--type", "kubernetes.io/tls", &from("envoy")]].concat());
}
