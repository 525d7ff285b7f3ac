//! The shipped Envoy configurations as data. Addresses, ports and paths are changed so that they run on this machine. What
//! decides whether a request passes stays as shipped, unless a test changes it on purpose.

use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::programs::repository;

/// Reads a YAML file as data.
///
/// # Panics
/// When it does not exist or is not YAML.
#[must_use]
pub fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// Every file in `envoy/` that is a complete Envoy configuration.
///
/// # Panics
/// When the directory cannot be read.
#[must_use]
pub fn envoy_configurations() -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join("envoy")).expect("envoy/ is part of the repository");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a directory can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .filter(|path| read(path).get("static_resources").is_some())
        .collect();
    found.sort();
    found
}

/// An Envoy configuration that a test will run.
#[derive(Clone, Debug)]
pub struct Configuration(Value);

impl Configuration {
    /// `envoy/<name>` as it is shipped.
    #[must_use]
    pub fn shipped(name: &str) -> Configuration {
        Configuration::at(&repository().join("envoy").join(name))
    }

    /// The configuration in this file.
    #[must_use]
    pub fn at(file: &Path) -> Configuration {
        Configuration(read(file))
    }

    /// Moves the administration to a free port of loopback, and the listener to this port of loopback (0: a free one).
    #[must_use]
    pub fn listening_on_loopback(mut self, port: u16) -> Configuration {
        self.0["admin"]["address"] = socket_address("127.0.0.1:0".parse().expect("an address"));
        for listener in self.array("/static_resources/listeners") {
            listener["address"] = socket_address(SocketAddr::from(([127, 0, 0, 1], port)));
        }
        self
    }

    /// Reads the parts of gate and seal from another directory.
    ///
    /// # Panics
    /// When neither is there.
    #[must_use]
    pub fn filters_at(mut self, directory: &Path) -> Configuration {
        let mut found = 0;
        for filter in self.http_filters() {
            if let Some(path) = filter.pointer_mut("/config_discovery/config_source/path_config_source/path")
            {
                let shipped = path.as_str().map(|path| path.replace("/etc/portcullis", ""));
                let file = shipped.expect("its part comes from a file");
                *path = json!(directory.join(file.trim_start_matches('/')));
                found += 1;
            }
        }
        assert!(found > 0, "gate or seal come from files");
        self
    }

    /// Moves a cluster to another TCP address.
    #[must_use]
    pub fn cluster_at(self, name: &str, address: SocketAddr) -> Configuration {
        self.cluster(name, socket_address(address))
    }

    /// Moves the server to another Unix socket, for decisions and for the access log.
    #[must_use]
    pub fn server_at_socket(self, socket: &Path) -> Configuration {
        let at = json!({"pipe": {"path": socket}});
        self.cluster(DECISIONS, at.clone()).cluster(ACCESS_LOG, at)
    }

    /// Adds a cluster like that of the server, at another Unix socket.
    ///
    /// # Panics
    /// When there is no cluster of the server.
    #[must_use]
    pub fn with_cluster_like_the_server(mut self, name: &str, socket: &Path) -> Configuration {
        let clusters = self.array("/static_resources/clusters");
        let server = clusters.iter().find(|cluster| cluster["name"] == DECISIONS);
        let mut another = server.expect("the server has a cluster").clone();
        another["name"] = name.into();
        clusters.push(another);
        self.cluster(name, json!({"pipe": {"path": socket}}))
    }

    /// Moves the server to another TCP address, and Envoy's files for mutual TLS with it and with clients to another directory.
    ///
    /// # Panics
    /// When the configuration has no TLS.
    #[must_use]
    pub fn server_over_tls(self, address: SocketAddr, files: &Path) -> Configuration {
        let moved = self.cluster_at(DECISIONS, address).cluster_at(ACCESS_LOG, address);
        moved.with_text(TLS_FILES, files.to_str().expect("paths of tests are text"))
    }

    /// Lets the listener speak TLS and require a certificate of every client, with the files `server.pem`, `server.key` and
    /// `roots.pem` in this directory.
    ///
    /// # Panics
    /// When there is no listener.
    #[must_use]
    pub fn asking_clients_for_certificates(mut self, files: &Path) -> Configuration {
        let file = |name: &str| json!({"filename": files.join(name)});
        let chain = self.0.pointer_mut("/static_resources/listeners/0/filter_chains/0").expect("a listener");
        chain["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "require_client_certificate": true,
                "common_tls_context": {
                    "tls_certificates": [
                        {"certificate_chain": file("server.pem"), "private_key": file("server.key")},
                    ],
                    "validation_context": {"trusted_ca": file("roots.pem")},
                },
            },
        });
        self
    }

    /// Lets clients speak plain text.
    ///
    /// # Panics
    /// When they could already.
    #[must_use]
    pub fn without_tls_of_clients(mut self) -> Configuration {
        let chain = self.0.pointer_mut("/static_resources/listeners/0/filter_chains/0");
        let chain = chain.and_then(Value::as_object_mut).expect("a listener");
        chain.remove("transport_socket").expect("the listener speaks TLS");
        self
    }

    /// Trusts the roots in this file, and not those of the machine.
    #[must_use]
    pub fn public_roots_at(self, file: &Path) -> Configuration {
        self.with_text(PUBLIC_ROOTS, file.to_str().expect("paths of tests are text"))
    }

    /// Takes the listener's files for TLS with clients, `/etc/istio/…`, from this directory.
    #[must_use]
    pub fn istio_files_at(self, files: &Path) -> Configuration {
        self.with_text(ISTIO_FILES, files.to_str().expect("paths of tests are text"))
    }

    /// Replaces a text wherever it is.
    ///
    /// # Panics
    /// When it is nowhere.
    #[must_use]
    pub fn with_text(self, shipped: &str, here: &str) -> Configuration {
        let text = serde_json::to_string(&self.0).expect("data is JSON");
        let moved = text.replace(shipped, here);
        assert_ne!(text, moved, "{shipped} is in the configuration");
        Configuration(serde_json::from_str(&moved).expect("JSON"))
    }

    /// A sidecar with a TCP port as istiod generates it (`istio_sidecar_tcp.yaml`).
    #[must_use]
    pub fn of_istio_for_tcp(socket: &Path, upstream: SocketAddr) -> Configuration {
        let sidecar = Configuration::at(&repository().join("tests/src/istio_sidecar_tcp.yaml"));
        sidecar.of_istio_around(socket, upstream)
    }

    /// Moves the server and the guarded service of a configuration of Istio.
    #[must_use]
    pub fn of_istio_around(self, socket: &Path, upstream: SocketAddr) -> Configuration {
        self.cluster(ISTIO_DECISIONS, json!({"pipe": {"path": socket}})).cluster_at(ISTIO_UPSTREAM, upstream)
    }

    /// Sends the access log over the connection of decisions, as a configuration that was written by hand may do.
    ///
    /// # Panics
    /// When the configuration sends no access log to the server.
    #[must_use]
    pub fn with_access_log_beside_decisions(mut self) -> Configuration {
        let logs = self.array(&format!("{CONNECTION_MANAGER}/access_log"));
        let service = logs.iter_mut().find_map(|log| {
            log.pointer_mut("/typed_config/common_config/grpc_service/envoy_grpc/cluster_name")
        });
        *service.expect("an access log goes to the server") = json!(DECISIONS);
        self
    }

    fn cluster(mut self, name: &str, address: Value) -> Configuration {
        let cluster = self
            .array("/static_resources/clusters")
            .iter_mut()
            .find(|cluster| cluster["name"] == name)
            .unwrap_or_else(|| panic!("no cluster is called {name}"));
        let at = cluster.pointer_mut(ENDPOINT);
        *at.expect("the cluster has one endpoint") = address;
        self
    }

    /// The ports of its listeners.
    #[must_use]
    pub fn listener_ports(&self) -> Vec<u16> {
        let listeners = self.0["static_resources"]["listeners"].as_array().expect("listeners");
        let port = |listener: &Value| listener["address"]["socket_address"]["port_value"].as_u64();
        listeners
            .iter()
            .map(|one| port(one).and_then(|port| port.try_into().ok()).expect("a TCP port"))
            .collect()
    }

    /// The name and port of a cluster's only endpoint.
    #[must_use]
    pub fn cluster_address(&self, name: &str) -> (String, u16) {
        let clusters = self.0["static_resources"]["clusters"].as_array().expect("clusters");
        let cluster =
            clusters.iter().find(|cluster| cluster["name"] == name).expect("a cluster of this name");
        let at = cluster.pointer(ENDPOINT).map(|address| &address["socket_address"]).expect("one endpoint");
        let port = at["port_value"].as_u64().and_then(|port| port.try_into().ok()).expect("a TCP port");
        (at["address"].as_str().expect("a name").to_owned(), port)
    }

    /// Removes one of the HTTP filters, to see what the others do without it.
    #[must_use]
    pub fn without(mut self, filter: &str) -> Configuration {
        let filters = self.http_filters();
        let before = filters.len();
        filters.retain(|one| one["name"] != filter);
        assert_eq!(filters.len() + 1, before, "one filter is called {filter}");
        self
    }

    /// Adds this filter before all others.
    #[must_use]
    pub fn with_first(mut self, filter: Value) -> Configuration {
        self.http_filters().insert(0, filter);
        self
    }

    /// Adds this filter directly behind another one.
    #[must_use]
    pub fn with_behind(mut self, other: &str, filter: Value) -> Configuration {
        let filters = self.http_filters();
        let place = filters.iter().position(|one| one["name"] == other).expect("it is shipped");
        filters.insert(place + 1, filter);
        self
    }

    /// Changes one of the HTTP filters.
    #[must_use]
    pub fn with_changed(mut self, filter: &str, change: impl FnOnce(&mut Value)) -> Configuration {
        let found = self.http_filters().iter_mut().find(|one| one["name"] == filter);
        change(found.expect("it is shipped"));
        self
    }

    /// Lets Envoy answer every route by itself, so that a measurement contains no upstream.
    ///
    /// # Panics
    /// When the configuration has no routes.
    #[must_use]
    pub fn answering_directly(mut self) -> Configuration {
        for host in self.array(&format!("{CONNECTION_MANAGER}/route_config/virtual_hosts")) {
            host["routes"] = json!([{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]);
        }
        self
    }

    /// Removes the access logs, so that a measurement does not contain writing them.
    ///
    /// # Panics
    /// When the configuration has no listener.
    #[must_use]
    pub fn without_access_log(mut self) -> Configuration {
        for listener in self.array("/static_resources/listeners") {
            listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"] = json!([]);
        }
        self
    }

    /// Writes the access logs of another configuration.
    ///
    /// # Panics
    /// When one of them has no listener.
    #[must_use]
    pub fn with_access_logs_of(mut self, other: &Configuration) -> Configuration {
        let place = format!("{CONNECTION_MANAGER}/access_log");
        let logs = other.0.pointer(&place).expect("access logs").clone();
        *self.0.pointer_mut(&place).expect("a place for access logs") = logs;
        self
    }

    /// Sends bodies of at most this many bytes to the server, as `portcullis policy envoy` prints it for a route that
    /// reads the body.
    ///
    /// # Panics
    /// When there is no route.
    #[must_use]
    pub fn sending_bodies(mut self, most: usize) -> Configuration {
        let body = json!({"max_request_bytes": most, "allow_partial_message": false, "pack_as_bytes": true});
        let kind = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute";
        let settings = json!({"@type": kind, "check_settings": {"with_request_body": body}});
        let routes = format!("{CONNECTION_MANAGER}/route_config/virtual_hosts/0/routes");
        for route in self.array(&routes) {
            route["typed_per_filter_config"] = json!({EXT_AUTHZ: settings});
        }
        self
    }

    /// Leaves out what the filter itself says about bodies, so that only the settings of routes are there.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn without_body_settings_of_the_filter(mut self) -> Configuration {
        let filter = self.http_filters().iter_mut().find(|filter| filter["name"] == EXT_AUTHZ);
        let settings = filter.and_then(|filter| filter["typed_config"].as_object_mut()).expect("ext_authz");
        settings.remove("with_request_body").expect("the filter's settings for bodies");
        self
    }

    /// What is at this place.
    ///
    /// # Panics
    /// When there is no value at this place.
    #[must_use]
    pub fn at_place(&self, pointer: &str) -> Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")).clone()
    }

    /// Changes one value.
    ///
    /// # Panics
    /// When there is no value at this place.
    #[must_use]
    pub fn set(mut self, pointer: &str, value: Value) -> Configuration {
        *self.0.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")) = value;
        self
    }

    /// With time and room for thousands of streams: Envoy waits long for a decision, and its upstreams take many requests at once.
    ///
    /// # Panics
    /// When the configuration has no upstream.
    #[must_use]
    pub fn for_many_streams(self) -> Configuration {
        let patient = |filter: &mut Value| filter["typed_config"]["grpc_service"]["timeout"] = "20s".into();
        let mut changed = self.with_changed(EXT_AUTHZ, patient);
        let most = 10_000;
        for cluster in changed.array("/static_resources/clusters") {
            if cluster["name"].as_str().is_some_and(|name| name.starts_with("upstream")) {
                cluster["circuit_breakers"]["thresholds"] = json!([{
                    "max_connections": most, "max_pending_requests": most, "max_requests": most, "max_retries": 0,
                }]);
            }
        }
        changed
    }

    /// Gives clients time to read an answer that comes while they still send: a busy machine may need more than Envoy's moment.
    ///
    /// # Panics
    /// When the configuration has no listener.
    #[must_use]
    pub fn that_closes_late(mut self) -> Configuration {
        let manager = self.0.pointer_mut(CONNECTION_MANAGER).expect("a connection manager");
        manager["delayed_close_timeout"] = "20s".into();
        self
    }

    /// Leaves out what the routes remove from responses. An installation may not have these lines.
    ///
    /// # Panics
    /// When they are not there.
    #[must_use]
    pub fn keeping_response_headers(mut self) -> Configuration {
        let routes = self.0.pointer_mut(&format!("{CONNECTION_MANAGER}/route_config"));
        let routes = routes.and_then(Value::as_object_mut).expect("routes");
        routes.remove("response_headers_to_remove").expect("a header that is removed");
        self
    }

    fn http_filters(&mut self) -> &mut Vec<Value> {
        self.array(&format!("{CONNECTION_MANAGER}/http_filters"))
    }

    fn array(&mut self, pointer: &str) -> &mut Vec<Value> {
        self.0
            .pointer_mut(pointer)
            .and_then(Value::as_array_mut)
            .unwrap_or_else(|| panic!("no list at {pointer}"))
    }

    /// Writes it to a file for Envoy, as JSON. JSON is also YAML.
    ///
    /// # Panics
    /// When the directory cannot be written.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub fn write(&self, directory: &Path) -> PathBuf {
        let file = directory.join("envoy.json");
        fs::write(&file, serde_json::to_vec_pretty(&self.0).expect("data is JSON"))
            .expect("the directory can be written");
        file
    }
}

/// Copies the files of `envoy/tls/`, which name certificates and roots for mutual TLS, into this directory, where those are too.
///
/// # Panics
/// When a file cannot be read or written.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
pub fn copy_tls_secrets(directory: &Path) {
    for name in ["certificate", "roots", "clients"] {
        let shipped = repository().join(format!("envoy/tls/{name}.yaml"));
        let text = fs::read_to_string(&shipped).unwrap_or_else(|why| panic!("{}: {why}", shipped.display()));
        let text = text.replace(TLS_FILES, directory.to_str().expect("paths of tests are text"));
        fs::write(directory.join(format!("{name}.yaml")), text).expect("the directory can be written");
    }
}

/// The one listener's HTTP settings.
pub const CONNECTION_MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

const ENDPOINT: &str = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address";

/// The directory of Envoy's files for mutual TLS.
const TLS_FILES: &str = "/etc/portcullis/tls";

/// The names of the server's clusters in `envoy/envoy.yaml`.
const DECISIONS: &str = "portcullis";
const ACCESS_LOG: &str = "portcullis_access_log";

/// The file with the roots of systems outside the mesh.
const PUBLIC_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The directory of the files for TLS with clients in a configuration of Istio.
const ISTIO_FILES: &str = "/etc/istio";

/// The names of the clusters of Istio's sidecars.
pub const ISTIO_DECISIONS: &str = "outbound|9191||ext-authz.authz.svc.cluster.local";
const ISTIO_UPSTREAM: &str = "inbound|8080||";

/// The names of the filters in `envoy/envoy.yaml`.
pub const GATE: &str = "portcullis.gate";
pub const SEAL: &str = "portcullis.seal";
pub const EXT_AUTHZ: &str = "envoy.filters.http.ext_authz";

fn socket_address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}
