//! The operator's configuration: one file, one typed value, every fault reported at once. As in the server's, no key here skips a
//! verification.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use policy::fault::{Fault, Faults};
use policy::strict::{self, Members, Node, flag, list, members, natural, string};
use policy::{TrustKeys, strict::NodeValue};
use warrant::Algorithm;

use super::quota::Quota;
use crate::config::{self, BundlePlace, ConfigReader, TlsAddress};
use crate::keys::PrivateKey;

const ROUTES_OF_NAMESPACE_AT_MOST: i64 = 1000;
const ROUTES_OF_CLUSTER_AT_MOST: i64 = 10_000;
/// The name of the Lease and of the ConfigMap, if the configuration names none.
const NAME: &str = "portcullis-operator";
/// One year, as `policy sign` has it.
const LIFETIME: u64 = 8760 * 3600;
const SERVERS_AT_MOST: usize = 64;

/// The configuration of `portcullis operator`: valid by construction, with the key read and usable.
#[derive(Debug)]
pub struct Config {
    /// The name of the mesh: a base for another mesh is refused.
    pub audience: String,
    pub base: BaseConfig,
    /// `None` if others sign what is built here.
    pub routes_key: Option<PrivateKey>,
    pub cluster: ClusterConfig,
    pub listen: ListenConfig,
    pub quota: Quota,
    /// How long signed routes can be in force at most, in seconds.
    pub lifetime: u64,
    pub servers: Vec<ServerConfig>,
}

/// Where the base comes from, and who may sign it.
#[derive(Debug)]
pub struct BaseConfig {
    pub place: BasePlace,
    pub trust: TrustKeys,
    pub min_version: u64,
}

/// Where the base lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BasePlace {
    Bundle(BundlePlace),
    /// One file with the whole directory in it, as a Secret can have it.
    Archive(PathBuf),
}

impl fmt::Display for BasePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BasePlace::Bundle(place) => place.fmt(f),
            BasePlace::Archive(path) => path.display().fmt(f),
        }
    }
}

/// The objects of the cluster in which the operator keeps what it must not lose.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    pub namespace: String,
    pub lease: String,
    pub config_map: String,
}

#[derive(Clone, Debug)]
pub struct ListenConfig {
    pub bundle: SocketAddr,
    pub health: SocketAddr,
    pub webhook: Option<TlsAddress>,
}

/// A server that is asked what it has in force.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub name: String,
    /// The URL of its health listener.
    pub health: String,
    pub api: Option<ApiOfServer>,
}

/// Where a server tells about its proxies, and the token that is shown there. The file is read each time: tokens of Kubernetes are
/// replaced.
#[derive(Clone, Debug)]
pub struct ApiOfServer {
    pub url: String,
    pub token_file: PathBuf,
}

/// Reads the file at `path`.
pub fn load(path: &Path) -> Result<Config, Vec<Fault>> {
    let bytes = std::fs::read(path).map_err(|e| {
        vec![Fault {
            file: path.to_owned(),
            line: 0,
            column: 0,
            what: format!("cannot be read: {e}"),
            instead: "name the configuration of the operator: --config FILE".to_owned(),
        }]
    })?;
    read(path, &bytes)
}

/// The configuration in `bytes`, or everything that is wrong with it.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Config, Vec<Fault>> {
    let faults = Faults::new();
    let parts =
        ConfigReader { page: faults.in_file(path), directory: path.parent().unwrap_or(Path::new(".")) };
    let reader = Reader { parts };
    let config = strict::yaml(bytes, parts.page).and_then(|tree| reader.config(&tree));
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        Some(_) | None => Err(faults.into_sorted()),
    }
}

struct Reader<'a> {
    parts: ConfigReader<'a>,
}

impl Reader<'_> {
    /// Every part is read before a missing one ends the reading: the first fault must not hide the second.
    fn config(&self, tree: &Node) -> Option<Config> {
        let page = self.parts.page;
        let known =
            ["audience", "base", "routesKey", "sign", "cluster", "listen", "limits", "lifetime", "servers"];
        let top = members(tree, &known, page)?;
        let audience = top.need("audience", page).and_then(|node| string(node, page));
        let base = top.need("base", page).and_then(|node| self.base(node));
        let key = self.routes_key(&top);
        let cluster = top.need("cluster", page).and_then(|node| self.cluster(node));
        let listen = top.need("listen", page).and_then(|node| self.listen(node));
        let quota = self.quota(top.get("limits"));
        let lifetime = match top.get("lifetime") {
            None => Some(LIFETIME),
            Some(node) => self.duration(node),
        };
        let servers = match top.get("servers") {
            None => Some(Vec::new()),
            Some(node) => self.servers(node),
        };
        Some(Config {
            audience: audience?.to_owned(),
            base: base?,
            routes_key: key?,
            cluster: cluster?,
            listen: listen?,
            quota: quota?,
            lifetime: lifetime?,
            servers: servers?,
        })
    }

    fn base(&self, node: &Node) -> Option<BaseConfig> {
        let part = members(node, &["directory", "url", "archive", "trust"], self.parts.page)?;
        let place = self.base_place(node, &part);
        let trust = part.need("trust", self.parts.page).and_then(|node| self.parts.trust(node));
        let (trust, min_version) = trust?;
        Some(BaseConfig { place: place?, trust, min_version })
    }

    /// A file that is missing is no fault of the configuration: it may come later, and the operator says that it is missing.
    fn base_place(&self, node: &Node, part: &Members<'_>) -> Option<BasePlace> {
        let (page, directory) = (self.parts.page, self.parts.directory);
        match (part.get("archive"), part.get("directory").or(part.get("url"))) {
            (Some(node), None) => string(node, page).map(|path| BasePlace::Archive(directory.join(path))),
            (None, Some(_)) => self.parts.place(node, part).map(BasePlace::Bundle),
            (Some(_), Some(_)) | (None, None) => {
                page.fault(
                    node.at,
                    "expected exactly one of `directory`, `url` and `archive`",
                    "write `directory: PATH`, `url: https://…` or `archive: FILE.tar.gz`",
                );
                None
            }
        }
    }

    fn routes_key(&self, top: &Members<'_>) -> Option<Option<PrivateKey>> {
        let page = self.parts.page;
        let signs = match top.get("sign") {
            None => true,
            Some(node) => flag(node, page)?,
        };
        match (signs, top.get("routesKey")) {
            (true, Some(node)) => self.parts.key(node, Algorithm::Ed25519).map(Some),
            (true, None) => {
                page.fault(
                    top.at,
                    "`routesKey` is missing",
                    "name the file of a key that the base names under `routesBy`, or write `sign: false` if others sign",
                );
                None
            }
            (false, None) => Some(None),
            (false, Some(node)) => {
                page.fault(node.at, "a key together with `sign: false`", "keep one of them");
                None
            }
        }
    }

    fn cluster(&self, node: &Node) -> Option<ClusterConfig> {
        let page = self.parts.page;
        let part = members(node, &["namespace", "lease", "configMap"], page)?;
        let text = |name: &str| match part.get(name) {
            Some(node) => string(node, page).map(str::to_owned),
            None => Some(NAME.to_owned()),
        };
        let (lease, config_map) = (text("lease"), text("configMap"));
        let namespace = part.need("namespace", page).and_then(|node| string(node, page));
        Some(ClusterConfig { namespace: namespace?.to_owned(), lease: lease?, config_map: config_map? })
    }

    fn listen(&self, node: &Node) -> Option<ListenConfig> {
        let (page, directory) = (self.parts.page, self.parts.directory);
        let part = members(node, &["bundle", "health", "webhook"], page)?;
        let address = |name| part.need(name, page).and_then(|node| config::address(node, page, directory));
        let (bundle, health) = (address("bundle"), address("health"));
        let webhook = match part.get("webhook") {
            None => Some(None),
            Some(node) => config::certificate(node, page, directory).map(Some),
        };
        Some(ListenConfig { bundle: bundle?, health: health?, webhook: webhook? })
    }

    fn quota(&self, node: Option<&Node>) -> Option<Quota> {
        let page = self.parts.page;
        let part = match node {
            None => None,
            Some(node) => Some(members(node, &["routesPerNamespace", "routes"], page)?),
        };
        let default = Quota::default();
        let number = |name: &str, default: usize, most: i64| match part.and_then(|part| part.get(name)) {
            Some(node) => natural(node, 1, most, page).and_then(|number| usize::try_from(number).ok()),
            None => Some(default),
        };
        let of_namespace = number("routesPerNamespace", default.of_namespace, ROUTES_OF_NAMESPACE_AT_MOST);
        let of_cluster = number("routes", default.of_cluster, ROUTES_OF_CLUSTER_AT_MOST);
        Some(Quota { of_namespace: of_namespace?, of_cluster: of_cluster? })
    }

    fn duration(&self, node: &Node) -> Option<u64> {
        let text = string(node, self.parts.page)?;
        let seconds = policy::seconds_in(text);
        if seconds.is_none() {
            self.parts.page.fault(
                node.at,
                format!("`{text}` is not a duration"),
                "write a number and `s`, `m` or `h`, like `720h`",
            );
        }
        seconds
    }

    fn servers(&self, node: &Node) -> Option<Vec<ServerConfig>> {
        let page = self.parts.page;
        let nodes = list(node, page)?;
        if nodes.len() > SERVERS_AT_MOST {
            page.fault(node.at, format!("more than {SERVERS_AT_MOST} servers"), "name fewer");
        }
        let read: Vec<_> = nodes.iter().map(|node| self.server(node)).collect();
        read.into_iter().collect()
    }

    fn server(&self, node: &Node) -> Option<ServerConfig> {
        let page = self.parts.page;
        let part = members(node, &["name", "health", "api", "tokenFile"], page)?;
        let name = part.need("name", page).and_then(|node| string(node, page));
        let health = part.need("health", page).and_then(|node| self.parts.base_url(node));
        let api = match (part.get("api"), part.get("tokenFile")) {
            (None, None) => Some(None),
            (Some(url), Some(file)) => {
                let url = self.api_url(url);
                let file = string(file, page).map(|path| self.parts.directory.join(path));
                url.zip(file).map(|(url, token_file)| Some(ApiOfServer { url, token_file }))
            }
            (Some(_), None) | (None, Some(_)) => {
                page.fault(node.at, "only one of `api` and `tokenFile`", "write both, or none of them");
                None
            }
        };
        Some(ServerConfig { name: name?.to_owned(), health: health?, api: api? })
    }

    /// The base URL of an API, or the Unix socket of one.
    fn api_url(&self, node: &Node) -> Option<String> {
        match &node.value {
            NodeValue::Text(text, _) if text.starts_with("unix:") => Some(format!("{text}:")),
            NodeValue::Text(..)
            | NodeValue::Null
            | NodeValue::Bool(_)
            | NodeValue::Integer(_)
            | NodeValue::Doubtful(_)
            | NodeValue::List(_)
            | NodeValue::Map(_) => self.parts.base_url(node),
        }
    }
}
