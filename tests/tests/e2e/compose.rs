//! Runs the compose file without a container engine: the same services in the same order, as programs of this machine. `init`
//! and the server get the same arguments and environment. The harness starts Envoy with the configuration of its image, and
//! its own upstream in place of the sample. Paths in containers become paths in a temporary directory, and ports become free
//! ports. Health checks are read but not run.

use portcullis_tests::agent::{Agent, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::compose::{Compose, DependencyCondition, Service};
use portcullis_tests::envoy::Envoy;
use portcullis_tests::programs;
use portcullis_tests::server::{Home, Server};
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

    let configuration = Configuration::shipped("envoy.yaml");
    let listens: Vec<u16> = envoy.published().map(|(_, _, container)| container).collect();
    assert_eq!(listens, configuration.listener_ports(), "Envoy publishes the ports that it listens on");
    assert!(
        envoy.published().all(|(address, ..)| address == "127.0.0.1"),
        "the demo can be reached only from this machine"
    );

    let (host, port) = configuration.cluster_address("upstream");
    assert!(compose.services.contains_key(&host), "the upstream {host} is a service");
    assert!(
        compose.services[&host].command.contains(&format!("-listen=:{port}")),
        "{host} listens on {port}"
    );
    for (name, service) in &compose.services {
        assert!(name == "envoy" || service.ports.is_empty(), "{name} can be reached without Envoy");
        assert!(service.read_only && service.cap_drop == ["ALL"], "{name} is hardened");
    }
    assert!(
        compose.networks[&compose.services[&host].networks[0]].internal,
        "the upstream can reach nothing else"
    );
    let depends = &envoy.depends_on["init"];
    assert_eq!(depends.condition, DependencyCondition::ServiceCompletedSuccessfully);
}

#[tokio::test]
async fn the_services_of_the_compose_file_guard_the_upstream() {
    let compose = shipped();
    let directory = tempfile::tempdir().unwrap();
    let native = Native { directory: directory.path() };
    for volume in compose.volumes.keys() {
        std::fs::create_dir(directory.path().join(volume)).unwrap();
    }

    // `init` runs at every start of the demo, so it must accept a home directory that it has already made.
    for _ in 0..2 {
        let output = native.command(&compose.services["init"], &programs::portcullis()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let server = Server::run(native.command(&compose.services["portcullis"], &programs::portcullis())).await;

    let upstream = Upstream::start().await;
    let filters = native.path(&compose.services["envoy"], "/etc/portcullis");
    let socket = native.path(&compose.services["envoy"], "/run/portcullis/proxies.sock");
    let configuration = Configuration::shipped("envoy.yaml")
        .listening_on_loopback(0)
        .filters_at(Path::new(&filters))
        .server_at_socket(Path::new(&socket))
        .cluster_at("upstream", upstream.address());
    let envoy = Envoy::start(&configuration, directory.path()).await;
    envoy.until_governed().await;

    let (_, port, _) = compose.services["envoy"].published().next().expect("Envoy's port is published");
    let host = format!("localhost:{port}");
    let agent = Agent::at(&Home::at(&directory.path().join("home")));
    let bare = ClientRequest::new("GET", &host, "/hello/you");
    let good = agent.present(&agent.warrant(&hello()), bare.clone());
    assert_eq!(bare.send(envoy.address()).await.unwrap().status, 401);
    assert_eq!(upstream.executions().len(), 0);
    let answer = good.send(envoy.address()).await.unwrap();
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), server.process.log());
    assert_eq!(upstream.executions().len(), 1);
}

/// Runs services on this machine instead of in containers.
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
            // Each container has its own loopback. Here all share one, so the server uses a free port.
            Some(("--health", _)) => "--health=127.0.0.1:0".to_owned(),
            Some((name, value)) if value.starts_with('/') => format!("{name}={}", self.path(service, value)),
            Some((name, value)) if value.starts_with("unix:") => {
                format!("{name}=unix:{}", self.path(service, value.trim_start_matches("unix:")))
            }
            Some(_) | None if argument.starts_with('/') => self.path(service, argument),
            Some(_) | None => argument.to_owned(),
        }
    }

    /// The path on this machine for a path in a container, which is in a volume or in an image.
    fn path(&self, service: &Service, inside: &str) -> String {
        let place = match inside {
            "/usr/lib/portcullis/gate.wasm" => programs::module(),
            // `init` names the socket, but only the other services mount its volume. The path is the same in all of them.
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
