//! A pod that runs: what a scheduler and a kubelet do for one. The pod is a real object, so that webhooks change it and admission
//! judges it; then its containers run in its network. The program of a container that is not of a known image is the test itself, which
//! listens in the pod's network.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::NODE;
use super::cluster::{Cluster, Shared, name, namespace};
use super::container::{Container, array, text};
use super::fields::field;
use super::namespaces::Network;
use super::programs::peer;
use super::{endpoints, volumes};
use crate::client::{ClientRequest, ClientResponse, Unanswered};
use crate::command::{CommandOutput, run};
use crate::condition::until_within;
use crate::process::{Process, last_lines};
use crate::programs;

/// How often a kubelet asks whether a pod is ready.
const ASKS_EVERY: Duration = Duration::from_millis(250);
/// Agents, Envoy and the module on a loaded machine.
const STARTS_WITHIN: Duration = Duration::from_secs(90);

/// A pod that will run.
#[derive(Clone, Debug)]
pub struct PodPlan {
    /// The Pod, as its author writes it.
    pub manifest: Value,
    /// Names that its programs can look up, beside istiod's, and where each is.
    pub names: Vec<(String, String)>,
    /// True if the pod is not waited for: it may never get ready.
    pub unready: bool,
}

/// A running pod.
#[derive(Debug)]
pub struct Pod {
    object: Value,
    address: String,
    network: Network,
    shared: Arc<Shared>,
    containers: Vec<Process>,
    is_ready: Arc<Mutex<bool>>,
    kubelet: JoinHandle<()>,
}

impl PodPlan {
    /// A pod with a container for the test's own program, in a namespace with injection.
    #[must_use]
    pub fn app(namespace: &str, app: &str) -> PodPlan {
        PodPlan::of(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": app, "namespace": namespace, "labels": {"app": app}},
            "spec": {
                "serviceAccountName": app,
                "containers": [{"name": "app", "image": "registry.example/app", "ports": [{"name": "http", "containerPort": 8080}]}],
            },
        }))
    }

    /// The first pod that the controller of a StatefulSet would make, or a pod of a Deployment.
    ///
    /// # Panics
    /// When there is none of this kind and name.
    #[must_use]
    pub fn of_controller(cluster: &Cluster, namespace: &str, kind: &str, name: &str) -> PodPlan {
        let controller = cluster.get(namespace, kind, name);
        let mut pod = controller["spec"]["template"].clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!(format!("{name}-0"));
        pod["metadata"]["namespace"] = json!(namespace);
        for claim in array(&controller["spec"]["volumeClaimTemplates"]) {
            let volume = text(&claim["metadata"]["name"]);
            let volume =
                json!({"name": volume, "persistentVolumeClaim": {"claimName": format!("{volume}-{name}-0")}});
            let volumes = pod["spec"]["volumes"].as_array_mut();
            volumes.expect("the pods of this StatefulSet have volumes").push(volume);
        }
        PodPlan::of(pod)
    }

    #[must_use]
    pub fn of(manifest: Value) -> PodPlan {
        PodPlan { manifest, names: Vec::new(), unready: false }
    }

    /// Adds an annotation.
    #[must_use]
    pub fn annotation(mut self, name: &str, value: &str) -> PodPlan {
        self.manifest["metadata"]["annotations"][name] = json!(value);
        self
    }

    /// Makes a name known in this pod.
    #[must_use]
    pub fn knowing(mut self, name: &str, address: &str) -> PodPlan {
        self.names.push((name.to_owned(), address.to_owned()));
        self
    }

    /// Creates the pod and runs its containers, and waits until it is ready.
    ///
    /// # Panics
    /// When the API server refuses it, or it does not get ready.
    pub async fn start(self, cluster: &Cluster) -> Pod {
        self.admit(cluster).start().await
    }

    /// Creates the pod: webhooks change it, and admission judges it. Its containers do not run yet.
    ///
    /// # Panics
    /// When the API server refuses it.
    #[must_use]
    pub fn admit(self, cluster: &Cluster) -> AdmittedPod {
        let mut manifest = self.manifest;
        manifest["spec"]["nodeName"] = json!("node");
        let created = cluster
            .shared
            .try_kubectl(&["create", "--output", "json", "-f", "-"], &manifest.to_string())
            .unwrap_or_else(|refused| panic!("{}", refused.0));
        let object = serde_json::from_str(&created).expect("kubectl prints JSON");
        AdmittedPod { object, shared: cluster.shared.clone(), names: self.names, unready: self.unready }
    }
}

/// A pod that was admitted, and does not run yet.
#[derive(Debug)]
pub struct AdmittedPod {
    object: Value,
    shared: Arc<Shared>,
    names: Vec<(String, String)>,
    unready: bool,
}

impl AdmittedPod {
    /// Runs its containers, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn start(self) -> Pod {
        let AdmittedPod { object, shared, names, unready } = self;
        let address = shared.next_address();
        let network = shared.node.pod(&address);
        for setting in array(&object["spec"]["securityContext"]["sysctls"]) {
            let file = format!("/proc/sys/{}", text(&setting["name"]).replace('.', "/"));
            network.shell(&format!("echo '{}' >{file}", text(&setting["value"])));
        }
        let mut runner = Runner::new(&shared, &object, &address, &network);
        runner.write_names(&names);
        tell(&shared, &object, &address, false);
        volumes::fill(&shared, &object, &address);
        runner.run(unready).await;
        let containers = std::mem::take(&mut runner.running);
        let is_ready = Arc::new(Mutex::new(false));
        let kubelet = tokio::spawn(keep_asking(
            shared.clone(),
            network.clone(),
            object.clone(),
            address.clone(),
            is_ready.clone(),
        ));
        let mut pod = Pod { object, address, network, shared, containers, is_ready, kubelet };
        if !unready {
            pod.until_ready().await;
        }
        pod
    }
}

impl Pod {
    /// Waits until all of its containers are ready, and Services lead to it.
    ///
    /// # Panics
    /// When a container ends, or they do not get ready.
    pub async fn until_ready(&mut self) {
        let is_ready = self.is_ready.clone();
        let what = format!("the pod {} to be ready", name(&self.object));
        until_within(STARTS_WITHIN, &what, async || {
            for container in &mut self.containers {
                container.assert_runs();
            }
            is_ready.lock().unwrap().then_some(())
        })
        .await;
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A port of it.
    ///
    /// # Panics
    /// Never: its address is one.
    #[must_use]
    pub fn at(&self, port: u16) -> SocketAddr {
        format!("{}:{port}", self.address).parse().expect("an address")
    }

    /// Its network, for the test's own program.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Listens in it, as its program would.
    #[must_use]
    pub fn listen(&self, port: u16) -> TcpListener {
        self.network.listen(port)
    }

    /// Sends a request from this pod. Its sidecar takes it, if it has one.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn send(&self, to: SocketAddr, request: &ClientRequest) -> Result<ClientResponse, Unanswered> {
        request.send_over(self.network.connect(to).await?).await
    }

    /// A container that runs a program.
    ///
    /// # Panics
    /// When there is none of this name.
    #[must_use]
    pub fn container(&self, name: &str) -> &Process {
        let found = self.containers.iter().find(|one| one.name() == name);
        found.unwrap_or_else(|| panic!("no container {name} runs a program"))
    }

    /// Runs a program in a container, as `kubectl exec` does.
    ///
    /// # Panics
    /// When there is no such container, or the program cannot be run.
    #[must_use]
    pub fn exec(&self, container: &str, arguments: &[&str]) -> CommandOutput {
        let process = self.container(container);
        let [user, group] = ids(process);
        let process = process.pid().as_raw_nonzero().to_string();
        let mut enter = vec!["--target", &process, "--mount", "--net", "--root", "--wd=/"];
        enter.extend(["--setuid", &user, "--setgid", &group, "--"]);
        enter.extend(["/usr/bin/env", "PATH=/usr/local/bin:/usr/bin:/bin"]);
        enter.extend(arguments);
        run(Path::new("nsenter"), &enter)
    }

    /// Copies a file or a directory of this machine to this path on a volume. As with `kubectl cp`, it belongs to the container's user.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn copy_in(&self, from: &Path, container: &str, volume: &str, path: impl AsRef<Path>) {
        let to = self.volume(volume).join(path);
        copy(from, &to);
        let owner = ids(self.container(container)).join(":");
        let owned = Command::new("chown").args(["-R", &owner]).arg(&to).status().expect("there is chown");
        assert!(owned.success(), "{} cannot be given to {owner}", to.display());
    }

    /// Copies a file or a directory from this path on a volume to this machine.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn copy_out(&self, volume: &str, path: impl AsRef<Path>, to: &Path) {
        copy(&self.volume(volume).join(path), to);
    }

    /// The directory where a claim of this pod's volume is on this machine.
    #[must_use]
    pub fn volume(&self, volume: &str) -> PathBuf {
        volumes::place(&self.shared, &self.object, volume)
    }

    /// Fills its volumes again from what they are made of, as a kubelet does within a minute of a change.
    pub fn refresh_volumes(&self) {
        volumes::fill(&self.shared, &self.object, &self.address);
    }

    /// Ends its containers in order (SIGTERM), and deletes it.
    ///
    /// # Panics
    /// When a container does not end.
    pub async fn stop(mut self) {
        self.withdraw();
        for container in &mut self.containers {
            container.stop().await;
        }
        self.delete();
    }

    /// Ends its containers at once, and deletes it.
    pub fn kill(mut self) {
        self.withdraw();
        self.containers.clear();
        self.delete();
    }

    /// Takes it out of all Services. Its probes would put it back.
    fn withdraw(&self) {
        self.kubelet.abort();
        endpoints::withdraw(&self.shared, &self.object);
    }

    fn delete(&self) {
        let pod = ["--namespace", namespace(&self.object), "delete", "pod", name(&self.object)];
        self.shared.kubectl(&[&pod[..], &["--grace-period", "0", "--force"]].concat());
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.kubelet.abort();
        if std::thread::panicking() {
            for container in &self.containers {
                let (pod, name, log) = (name(&self.object), container.name(), container.log());
                eprintln!("---- log of {name} in the pod {pod}:\n{}", last_lines(&log));
            }
        }
    }
}

/// The user and the group of a process.
fn ids(process: &Process) -> [String; 2] {
    let status = fs::read_to_string(process.file_in_proc("status")).expect("it runs");
    ["Uid:", "Gid:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|ids| ids.split_whitespace().next()).expect("the kernel tells ids").to_owned()
    })
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-rT").args([from, to]).status().expect("there is cp");
    assert!(copied.success(), "{} cannot be copied to {}", from.display(), to.display());
}

/// Runs the containers of one pod.
struct Runner<'a> {
    shared: &'a Shared,
    pod: &'a Value,
    address: &'a str,
    network: &'a Network,
    at: PathBuf,
    running: Vec<Process>,
}

impl<'a> Runner<'a> {
    fn new(shared: &'a Shared, pod: &'a Value, address: &'a str, network: &'a Network) -> Runner<'a> {
        let at = shared.directory_of(pod);
        // A pod of this name may have run before.
        let _ = fs::remove_dir_all(&at);
        fs::create_dir_all(&at).expect("a temporary directory");
        Runner { shared, pod, address, network, at, running: Vec::new() }
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    fn write_names(&self, names: &[(String, String)]) {
        let mut hosts = format!(
            "127.0.0.1 localhost\n{NODE} istiod.istio-system.svc\n{} {}\n",
            self.address,
            name(self.pod)
        );
        for (name, address) in names {
            hosts.push_str(&format!("{address} {name}\n"));
        }
        fs::write(self.at.join("hosts"), hosts).expect("a temporary file can be written");
        // There is no such server. A program that asks it waits; names that are needed are in `hosts`.
        fs::write(self.at.join("resolv.conf"), "nameserver 10.96.0.10\noptions ndots:1\n")
            .expect("a temporary file can be written");
    }

    /// Runs the containers in their order. A pod that is not waited for does not wait for its sidecar either.
    async fn run(&mut self, unready: bool) {
        for container in array(&self.pod["spec"]["initContainers"]) {
            if container["restartPolicy"] == "Always" {
                self.start(container);
                if !unready {
                    self.until_started(container).await;
                }
            } else {
                self.run_to_end(container).await;
            }
        }
        for container in array(&self.pod["spec"]["containers"]) {
            self.start(container);
            // A container that holds the others back says so by what runs after its start.
            if container["lifecycle"]["postStart"].is_object() {
                self.until_started(container).await;
            }
        }
    }

    async fn run_to_end(&mut self, container: &Value) {
        let Some(command) = self.command(container) else { return };
        let mut process = self.network.start(leaked(name_of(container)), command);
        let status = process.wait().await;
        assert!(status.success(), "the init container {}: {}", name_of(container), process.log());
    }

    fn start(&mut self, container: &Value) {
        if let Some(command) = self.command(container) {
            self.running.push(self.network.start(leaked(name_of(container)), command));
        }
    }

    /// Waits until a container answers its probe.
    async fn until_started(&mut self, container: &Value) {
        let probe = [&container["startupProbe"], &container["readinessProbe"]];
        let probe = probe.into_iter().find(|probe| probe.is_object()).expect("Istio's agents have a probe");
        let process = self.running.last_mut().expect("it was just started");
        let what = format!("the container {} to be ready", name_of(container));
        until_within(STARTS_WITHIN, &what, async || {
            process.assert_runs();
            answers(self.network, container, probe, self.address).await.then_some(())
        })
        .await;
    }

    /// The command of a container; `None` if its program is the test's own.
    fn command(&self, container: &Value) -> Option<Command> {
        let image = text(&container["image"]);
        let (files, entry) = if image.contains("proxyv2") {
            (istio_image(self.shared), "pilot-agent")
        } else if image.contains("portcullis") {
            (vec![(programs::portcullis(), "/usr/local/bin/portcullis")], "portcullis")
        } else {
            return None;
        };
        let environment = self.environment(container);
        let expand = |argument: &Value| expand(text(argument), &environment);
        let mut arguments: Vec<String> = array(&container["command"]).map(expand).collect();
        if arguments.is_empty() {
            arguments.push(format!("/usr/local/bin/{entry}"));
        }
        arguments.extend(array(&container["args"]).map(expand));
        let root = self.at.join("roots").join(name_of(container));
        fs::create_dir_all(&root).expect("a temporary directory");
        let place = |volume: &str| volumes::place(self.shared, self.pod, volume);
        let container = Container {
            spec: container,
            pod_security: &self.pod["spec"]["securityContext"],
            arguments,
            environment: environment.into_iter().collect(),
            image: files,
            volumes: &place,
            names: &self.at,
            root,
        };
        Some(container.command())
    }

    /// What a kubelet puts into the environment.
    fn environment(&self, container: &Value) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::from([
            ("KUBERNETES_SERVICE_HOST".to_owned(), NODE.to_owned()),
            ("KUBERNETES_SERVICE_PORT".to_owned(), "6443".to_owned()),
        ]);
        for variable in array(&container["env"]) {
            let value = match variable.get("valueFrom") {
                Some(from) => self.value_from(container, from),
                None => expand(variable["value"].as_str().unwrap_or(""), &environment),
            };
            environment.insert(name_of(variable).to_owned(), value);
        }
        environment
    }

    fn value_from(&self, container: &Value, from: &Value) -> String {
        if let Some(path) = from["fieldRef"]["fieldPath"].as_str() {
            return field(self.pod, self.address, path);
        }
        let resource = text(&from["resourceFieldRef"]["resource"]);
        match resource {
            "limits.cpu" | "requests.cpu" => "1".to_owned(),
            "limits.memory" | "requests.memory" => (1_u64 << 30).to_string(),
            other => panic!("this harness does not know the resource {other} of {}", name_of(container)),
        }
    }
}

/// The files of Istio's image that are used. The Envoy at hand does not know an extension of Istio's that a waypoint's bootstrap has.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn istio_image(shared: &Shared) -> Vec<(PathBuf, &'static str)> {
    let shipped = peer("istio/files").join("envoy_bootstrap.json");
    let template = fs::read_to_string(shipped).expect("./dev peers has put it there");
    let template = template.replace("{{- if .metadata_discovery }}", "{{- if false }}");
    let bootstrap = shared.directory.join("envoy_bootstrap.json");
    fs::write(&bootstrap, template).expect("a temporary file can be written");
    vec![
        (peer("pilot-agent"), "/usr/local/bin/pilot-agent"),
        (programs::envoy(), "/usr/local/bin/envoy"),
        (bootstrap, "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json"),
    ]
}

/// Replaces `$(NAME)` as Kubernetes does.
fn expand(argument: &str, environment: &BTreeMap<String, String>) -> String {
    environment
        .iter()
        .fold(argument.to_owned(), |argument, (name, value)| argument.replace(&format!("$({name})"), value))
}

/// Asks the pod's probes again and again, and says what came of it.
async fn keep_asking(
    shared: Arc<Shared>,
    network: Network,
    pod: Value,
    address: String,
    is_ready: Arc<Mutex<bool>>,
) {
    loop {
        let mut ready = true;
        let sidecars = array(&pod["spec"]["initContainers"]).filter(|one| one["restartPolicy"] == "Always");
        for container in array(&pod["spec"]["containers"]).chain(sidecars) {
            let probe = &container["readinessProbe"];
            ready = ready && (!probe.is_object() || answers(&network, container, probe, &address).await);
        }
        if *is_ready.lock().unwrap() != ready {
            let (shared, pod, address) = (shared.clone(), pod.clone(), address.clone());
            let told = tokio::task::spawn_blocking(move || tell(&shared, &pod, &address, ready));
            // A pod that was deleted in the meantime has no status.
            if told.await.is_ok() {
                *is_ready.lock().unwrap() = ready;
            }
        }
        tokio::time::sleep(ASKS_EVERY).await;
    }
}

/// Whether a container answers a probe.
async fn answers(network: &Network, container: &Value, probe: &Value, address: &str) -> bool {
    let get = &probe["httpGet"];
    assert!(get.is_object(), "this harness knows only probes by HTTP: {probe}");
    let port = match get["port"].as_u64() {
        Some(port) => port,
        None => array(&container["ports"])
            .find(|port| port["name"] == get["port"])
            .and_then(|port| port["containerPort"].as_u64())
            .unwrap_or_else(|| panic!("{} has no such port: {probe}", name_of(container))),
    };
    let to = format!("{address}:{port}");
    let Ok(stream) = network.connect(to.parse().expect("an address")).await else { return false };
    let request = ClientRequest::new("GET", &to, get["path"].as_str().unwrap_or("/"));
    request.send_over(stream).await.is_ok_and(|answer| answer.status < 400)
}

/// Says where a pod is and whether it is ready, in its status and in the endpoints of its Services.
fn tell(shared: &Shared, pod: &Value, address: &str, ready: bool) {
    let status = json!({"status": {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "hostIP": NODE,
        "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
    }});
    let patch = ["--namespace", namespace(pod), "patch", "pod", name(pod), "--subresource=status"];
    shared.kubectl(&[&patch[..], &["--type=merge", "--patch", &status.to_string()]].concat());
    endpoints::publish(shared, pod, address, ready);
}

fn name_of(container: &Value) -> &str {
    text(&container["name"])
}

/// The names of containers are few, and messages need them for as long as their processes run.
fn leaked(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
}
