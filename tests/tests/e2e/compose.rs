//! The compose file, run without a container engine: the same services in the same order on the native programs. `init`
//! and the server get the same arguments and environment; Envoy runs by the configuration that its image holds, started
//! by the harness, and the harness's upstream stands for the sample. Paths inside containers become paths in a temporary
//! directory, ports free ones. Health checks are read and not run.

use portcullis_tests::agent::{Agent, hello};
use portcullis_tests::child::Running;
use portcullis_tests::client::{Ask, get};
use portcullis_tests::compose::{Compose, Condition, Service};
use portcullis_tests::condition::until;
use portcullis_tests::court::{Home, listening};
use portcullis_tests::envoy::Envoy;
use portcullis_tests::programs;
use portcullis_tests::shipped::Configuration;
use portcullis_tests::upstream::Upstream;
use std::path::Path;
use std::process::Command;

fn shipped() -> Compose {
    let file = programs::repository().join("envoy/docker-compose.yaml");
    Compose::read(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

#[test]
fn the_compose_file_is_well_formed_and_its_parts_fit() {
    let compose = shipped();
    let envoy = &compose.services["envoy"];

    let inside = Configuration::shipped("envoy.yaml");
    let listens: Vec<u16> = envoy.published().map(|(_, _, container)| container).collect();
    assert_eq!(listens, inside.listener_ports(), "Envoy's ports, published and listened on");
    assert!(
        envoy.published().all(|(address, ..)| address == "127.0.0.1"),
        "a demo is not for the neighbours"
    );

    let (host, port) = inside.cluster_address("upstream");
    assert!(compose.services.contains_key(&host), "the upstream {host} is a service");
    assert!(
        compose.services[&host].command.contains(&format!("-listen=:{port}")),
        "{host} listens on {port}"
    );
    for (name, service) in &compose.services {
        assert!(name == "envoy" || service.ports.is_empty(), "{name} can be reached past Envoy");
        assert!(service.read_only && service.cap_drop == ["ALL"], "{name} is hardened");
    }
    assert!(
        compose.networks[&compose.services[&host].networks[0]].internal,
        "the upstream reaches nothing else"
    );
    let depends = &envoy.depends_on["init"];
    assert_eq!(depends.condition, Condition::ServiceCompletedSuccessfully);
}

#[tokio::test]
async fn what_compose_would_start_guards_the_upstream() {
    let compose = shipped();
    let directory = tempfile::tempdir().unwrap();
    let native = Native { directory: directory.path() };
    for volume in compose.volumes.keys() {
        std::fs::create_dir(directory.path().join(volume)).unwrap();
    }

    // `init` runs at every start of the demo: the second time it finds its own work.
    for _ in 0..2 {
        let output = native.command(&compose.services["init"], &programs::portcullis()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut server = Running::start(
        "portcullis",
        native.command(&compose.services["portcullis"], &programs::portcullis()),
    );
    let http = until("the server to listen", async || {
        assert!(server.ended().is_none(), "{}", server.log());
        listening(&server.log())
    })
    .await;
    until("the server to be ready", async || {
        get(http, "/readyz").await.filter(|answer| answer.status == 200)
    })
    .await;

    let upstream = Upstream::start().await;
    let gate = native.path(&compose.services["envoy"], "/etc/portcullis/gate.yaml");
    let socket = native.path(&compose.services["envoy"], "/run/portcullis/ext_authz.sock");
    let configuration = Configuration::shipped("envoy.yaml")
        .listening_on_loopback(0)
        .gate_at(Path::new(&gate))
        .cluster_at_socket("portcullis", Path::new(&socket))
        .cluster_at("upstream", upstream.address());
    let envoy = Envoy::start(&configuration, directory.path()).await;

    let (_, port, _) = compose.services["envoy"].published().next().expect("Envoy's port is published");
    let host = format!("localhost:{port}");
    let agent = Agent::at(&Home::at(&directory.path().join("home")));
    let bare = Ask::new("GET", &host, "/hello/you");
    let good = agent.presents(&agent.warrant(&hello()), bare.clone());
    assert_eq!(bare.send(envoy.address()).await.unwrap().status, 401);
    assert_eq!(upstream.hits().len(), 0);
    let answer = good.send(envoy.address()).await.unwrap();
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), server.log());
    assert_eq!(upstream.hits().len(), 1);
}

/// This machine in the place of the containers.
struct Native<'a> {
    directory: &'a Path,
}

impl Native<'_> {
    fn command(&self, service: &Service, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&service.environment);
        command.args(service.command.iter().map(|argument| self.argument(service, argument)));
        command
    }

    fn argument(&self, service: &Service, argument: &str) -> String {
        match argument.split_once('=') {
            // Containers have loopbacks of their own; here one is shared, so the port is a free one.
            Some(("--http", _)) => "--http=127.0.0.1:0".to_owned(),
            Some((name, value)) if value.starts_with('/') => format!("{name}={}", self.path(service, value)),
            Some((name, value)) if value.starts_with("unix:") => {
                format!("{name}=unix:{}", self.path(service, value.trim_start_matches("unix:")))
            }
            Some(_) | None if argument.starts_with('/') => self.path(service, argument),
            Some(_) | None => argument.to_owned(),
        }
    }

    /// A container's path: in one of its volumes, or a file of an image.
    fn path(&self, service: &Service, inside: &str) -> String {
        let place = match inside {
            "/usr/lib/portcullis/gate.wasm" => programs::module(),
            // `init` names the socket, which only the others have mounted: it is the volume of that path everywhere.
            _ => {
                let compose = shipped();
                let mut mounts = service.mounts().chain(compose.services.values().flat_map(Service::mounts));
                let found = mounts.find_map(|mount| Some((mount, inside.strip_prefix(mount.at)?)));
                let (mount, rest) = found.unwrap_or_else(|| panic!("{inside} is in no volume"));
                self.directory.join(mount.volume).join(rest.trim_start_matches('/'))
            }
        };
        place.to_string_lossy().into_owned()
    }
}
