//! Runs every block of `docs/istio.md` and of `docs/envoy-gateway.md`, in their order, as an administrator types it: in a shell on the
//! node, with the real `kubectl`, `helm` and `istioctl`, and a new home directory.
//!
//! A `yaml` block whose first line names a file is written into it. Other values are given to the chart, and other objects to the API
//! server, which must take them. A `text` block has lines that the block before it printed; a block that only looks is typed again until it
//! does. [`Operator::instead`] is the one place that says which commands cannot run here, and what is done for each.

use portcullis_tests::certificates::Root;
use portcullis_tests::client::ClientRequest;
use portcullis_tests::command::CommandOutput;
use portcullis_tests::condition::LONGEST_WAIT;
use portcullis_tests::guide::all_blocks;
use portcullis_tests::mesh::{
    Cluster, EnvoyGateway, HandedOver, Istio, NODE, Pod, PodPlan, Registry, Terminal,
};
use portcullis_tests::programs;
use portcullis_tests::upstream::Upstream;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::shop::SYSTEM;

/// They need a kubelet.
const HANDED_OVER: &[HandedOver] = &[
    HandedOver { program: "kubectl", verbs: &["exec", "cp", "logs", "port-forward", "rollout", "wait"] },
    // It has the kubelet forward a port of istiod.
    HandedOver { program: "istioctl", verbs: &["proxy-status"] },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the control planes: ./dev mesh"]
async fn every_command_of_the_guide_for_istio_does_what_it_says() {
    let cluster = Cluster::start().await;
    let istio = Istio::start(&cluster, &Root::new("the authority")).await;
    let executions = Operator::new(cluster, ControlPlane::Istio(istio)).read_page("docs/istio.md").await;
    // Before the filters and after their end, while it was observed, and with the warrant.
    assert!(executions >= 4, "{executions}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the control planes: ./dev mesh"]
async fn every_command_of_the_guide_for_envoy_gateway_does_what_it_says() {
    let cluster = Cluster::start().await;
    let gateway = EnvoyGateway::start(&cluster);
    let operator = Operator::new(cluster, ControlPlane::EnvoyGateway(gateway));
    let executions = operator.read_page("docs/envoy-gateway.md").await;
    // Before the filters and after their end, and with the warrant.
    assert!(executions >= 3, "{executions}");
}

/// What makes proxies of the cluster's objects. It runs for as long as the test.
enum ControlPlane {
    Istio(Istio),
    EnvoyGateway(#[expect(dead_code, reason = "it only runs")] EnvoyGateway),
}

/// The reader of the page, and the cluster.
struct Operator {
    terminal: Terminal,
    pods: BTreeMap<&'static str, Pod>,
    /// The template of the StatefulSet from which the server's pod was made.
    template: Value,
    upstream: Option<Upstream>,
    /// How many versions of the images there are.
    versions: usize,
    registry: Registry,
    control_plane: ControlPlane,
    at: PathBuf,
    cluster: Cluster,
}

impl Operator {
    fn new(cluster: Cluster, control_plane: ControlPlane) -> Operator {
        let at = cluster.directory().join("checkout");
        fs::create_dir(&at).unwrap();
        symlink(programs::repository().join("k8s"), at.join("k8s")).unwrap();
        let registry =
            Registry::start(cluster.node().listen(5000), &format!("{NODE}:5000"), &programs::module());
        Operator {
            terminal: cluster.terminal(&at, HANDED_OVER),
            pods: BTreeMap::new(),
            template: Value::Null,
            upstream: None,
            versions: 0,
            registry,
            control_plane,
            at,
            cluster,
        }
    }

    /// Does what a page says, in its order. Returns how many requests reached the service.
    async fn read_page(mut self, page: &str) -> usize {
        let from = Instant::now();
        let text = fs::read_to_string(programs::repository().join(page)).unwrap();
        let mut commands = 0;
        let mut blocks = all_blocks(&text).into_iter().peekable();
        while let Some((kind, text)) = blocks.next() {
            match kind.as_str() {
                "sh" => {
                    let expected = blocks.next_if(|(kind, _)| kind == "text").map(|(_, expected)| expected);
                    self.type_in(&text, &expected.unwrap_or_default()).await;
                    commands += text.lines().filter(|line| !line.starts_with(' ')).count();
                    println!("{:>6.1?} {}", from.elapsed(), text.lines().next().unwrap());
                }
                "yaml" => self.read(&text),
                other => panic!("a block of the kind {other:?}, not after commands"),
            }
        }
        assert!(commands > 20, "{commands}");
        println!("{commands} commands after {:?}", from.elapsed());
        self.upstream.as_ref().unwrap().executions().len()
    }

    /// What is done for the commands that cannot run without a kubelet. Nothing else of the page is replaced, but the images in `mine.yaml`.
    async fn instead(&mut self, words: &[&str]) -> CommandOutput {
        match words {
            // Controllers start pods when they are needed, and the kubelet runs them.
            ["kubectl", "-n", namespace, "rollout", "status", controller] => {
                self.roll_out(namespace, controller).await;
                printed("")
            }
            ["kubectl", "-n", "portcullis", "wait", "--for=delete", "pod/portcullis-0"] => {
                self.pods.remove("server").unwrap().stop().await;
                printed("")
            }
            ["kubectl", "-n", "portcullis", "exec", "portcullis-0", "-c", "server", "--", program @ ..] => {
                self.pods["server"].exec("server", program)
            }
            ["kubectl", "-n", "shop", "exec", "deploy/client", "-c", "client", "--", "curl", words @ ..] => {
                self.curl(words).await
            }
            ["kubectl", "cp", from, to, "-c", "server"] => {
                self.copy(from, to);
                printed("")
            }
            ["istioctl", arguments @ ..] => match &self.control_plane {
                ControlPlane::Istio(istio) => istio.istioctl(&self.cluster, arguments),
                ControlPlane::EnvoyGateway(_) => panic!("there is no Istio: {arguments:?}"),
            },
            other => panic!("this test neither runs nor replaces {other:?}"),
        }
    }

    async fn roll_out(&mut self, namespace: &str, controller: &str) {
        self.cluster.furnish(namespace);
        let (kind, name) = controller.split_once('/').unwrap();
        let plan = PodPlan::of_controller(&self.cluster, namespace, kind, name);
        let pod = match name {
            "portcullis" => "server",
            "pay" => "pay",
            "client" => "client",
            other => panic!("{other} is not of this page"),
        };
        if pod == "server" {
            if self.template == plan.manifest {
                return;
            }
            self.template = plan.manifest.clone();
            if let Some(old) = self.pods.remove(pod) {
                old.stop().await;
            }
        }
        let started = plan.start(&self.cluster).await;
        if pod == "pay" {
            self.upstream = Some(Upstream::on(started.listen(8080)));
        }
        self.pods.insert(pod, started);
    }

    /// A request from the client's pod. The name leads to the address of the Service, as DNS would say.
    async fn curl(&self, words: &[&str]) -> CommandOutput {
        let mut headers = Vec::new();
        let mut url = "";
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "-si" => {}
                "-H" => headers.push(words.next().unwrap().split_once(": ").unwrap()),
                word => url = word,
            }
        }
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let service = self.cluster.get("shop", "service", host.split('.').next().unwrap());
        let address = format!("{}:80", service["spec"]["clusterIP"].as_str().unwrap());
        let request = ClientRequest::new("GET", host, &format!("/{path}"));
        let request = headers.into_iter().fold(request, |request, (name, value)| request.with(name, value));
        let answer = self.pods["client"].send(address.parse().unwrap(), &request).await;
        let Ok(answer) = answer else {
            return CommandOutput { status: 52, out: String::new(), err: "no answer".to_owned() };
        };
        let headers = answer.headers.iter();
        let headers: Vec<String> =
            headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?"))).collect();
        printed(&format!("HTTP/1.1 {}\n{}\n\n{}", answer.status, headers.join("\n"), answer.text()))
    }

    /// Copies between this machine and the volume of the server.
    fn copy(&self, from: &str, to: &str) {
        fn on_volume(place: &str) -> Option<&str> {
            place.strip_prefix("portcullis/portcullis-0:/var/lib/portcullis/")
        }
        let server = &self.pods["server"];
        match (on_volume(from), on_volume(to)) {
            (None, Some(directory)) => {
                let name = Path::new(from).file_name().unwrap();
                server.copy_in(&self.at.join(from), "server", "data", Path::new(directory).join(name));
            }
            (Some(source), None) => server.copy_out("data", source, &self.at.join(to)),
            _ => panic!("cp {from} {to}: one of the two is in the server's pod"),
        }
    }

    /// Types a block, which must succeed and print these lines. A change takes its time to arrive, so a block that only looks is typed
    /// again until it does.
    async fn type_in(&mut self, block: &str, expected: &str) {
        let end = Instant::now() + LONGEST_WAIT;
        let changes = ["helm ", " apply ", " create ", " delete ", " cp ", " sign ", " init ", " wait "];
        let only_looks = !changes.iter().any(|change| block.contains(change));
        // `instead` changes the rest.
        let terminal = self.terminal.clone();
        loop {
            let output = terminal.run(block, async |words| self.instead(words).await).await;
            let printed = format!("{}\n{}", output.out, output.err);
            let missing = expected.lines().find(|line| !printed.contains(line));
            if output.status == 0 && missing.is_none() {
                return;
            }
            let again = only_looks && Instant::now() < end;
            assert!(again, "{block}\nstatus {}, without {missing:?}:\n{printed}", output.status);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// A file, values or objects.
    fn read(&mut self, block: &str) {
        let first = block.lines().next().unwrap();
        if let Some(file) = first.strip_prefix("# ") {
            write(&self.at.join(file), &self.with_images(file, block));
        } else if first == "istio:" {
            let values = self.at.join("further.yaml");
            write(&values, block);
            let all = ["home/kubernetes/values.yaml", "mine.yaml", "further.yaml"];
            let all = all.map(|file| format!("--values={}", self.at.join(file).display()));
            let chart = self.at.join("k8s/chart").display().to_string();
            let mut words = vec!["template", "portcullis", &chart, "--namespace", SYSTEM];
            words.extend(all.iter().map(String::as_str));
            self.cluster.helm(&words).unwrap_or_else(|refused| panic!("{}\n{block}", refused.0));
        } else {
            self.cluster.apply(block);
            write(&self.at.join("objects.yaml"), block);
            let file = self.at.join("objects.yaml").display().to_string();
            self.cluster.kubectl(&["delete", "-f", &file]);
        }
    }

    /// The reader writes the digests of his images: each time he writes `mine.yaml`, those of a new version.
    fn with_images(&mut self, file: &str, block: &str) -> String {
        // Envoy Gateway runs its proxies on this machine, and not as pods.
        if file == "edge.yaml" {
            let here = "spec:\n  provider: {type: Host, host: {envoyVersion: '1.40.0'}}\n  backendTLS:";
            assert!(block.contains("spec:\n  backendTLS:"), "{block}");
            return block.replace("spec:\n  backendTLS:", here);
        }
        if file != "mine.yaml" {
            return block.to_owned();
        }
        self.versions += 1;
        let server = format!("sha256:{}", self.versions.to_string().repeat(64));
        let changed = block.replace("registry.example/portcullis-gate@sha256:…", self.registry.image());
        let changed = changed.replace("sha256:…", &server);
        assert!(!changed.contains('…') && changed.contains(&server), "{changed}");
        changed
    }
}

fn printed(out: &str) -> CommandOutput {
    CommandOutput { status: 0, out: out.to_owned(), err: String::new() }
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn write(file: &Path, content: &str) {
    fs::write(file, content).unwrap();
}
