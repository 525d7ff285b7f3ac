//! The file of an agent: its key, and the authorities that it asks for warrants. It sends its token to no other server, whatever
//! an answer says.

use std::path::{Path, PathBuf};

use policy::fault::{Faults, FileFaults};
use policy::strict::{self, Node, list, members, string};

use crate::cli::out::Failure;
use crate::keys::{self, PrivateKey};

/// An agent.
pub(super) struct AgentFile {
    pub(super) key: PrivateKey,
    pub(super) authorities: Vec<KnownAuthority>,
}

/// An authority that the agent asks.
pub(super) struct KnownAuthority {
    /// Its name: the `iss` of its warrants, by which a 401 names it.
    pub(super) issuer: String,
    /// The mesh.
    pub(super) audience: String,
    pub(super) api: Endpoint,
    /// The file with the token that names the agent. It is read for each exchange, because it is replaced before it expires.
    pub(super) token: PathBuf,
}

/// Where the API of an authority is.
pub(super) enum Endpoint {
    Unix(PathBuf),
    /// Without a path.
    Https(String),
}

impl Endpoint {
    /// The URL of a path there, as this program's client reads it.
    pub(super) fn url(&self, path: &str) -> String {
        match self {
            Endpoint::Unix(socket) => format!("unix:{}:{path}", socket.display()),
            Endpoint::Https(base) => format!("{base}{path}"),
        }
    }

    /// The URL of a page as this program's client reads it, if the page is at this authority: it has that origin.
    pub(super) fn url_of(&self, page: &str) -> Option<String> {
        let origins = match self {
            Endpoint::Unix(_) => ["http://localhost".to_owned(), "http://localhost:80".to_owned()],
            Endpoint::Https(_) => {
                let host = self.host();
                [format!("https://{host}"), format!("https://{host}:443")]
            }
        };
        let path = origins
            .iter()
            .find_map(|origin| page.strip_prefix(origin.as_str()).filter(|path| path.starts_with('/')))?;
        Some(self.url(path))
    }

    /// What the client sends as `Host`.
    pub(super) fn host(&self) -> &str {
        match self {
            Endpoint::Unix(_) => "localhost",
            Endpoint::Https(base) => {
                let authority = base.strip_prefix("https://").unwrap_or(base);
                authority.strip_suffix(":443").unwrap_or(authority)
            }
        }
    }
}

/// Reads the file. Relative paths are relative to it.
pub(super) fn read(path: &Path) -> Result<AgentFile, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(format!(
            "{} cannot be read: {error}; `portcullis init` writes an example",
            path.display()
        ))
    })?;
    let faults = Faults::new();
    let reader = Reader { page: faults.in_file(path), directory: path.parent().unwrap_or(Path::new(".")) };
    let agent = strict::yaml(&bytes, reader.page).and_then(|tree| reader.agent(&tree));
    match agent {
        Some(agent) if faults.is_empty() => Ok(agent),
        Some(_) | None => Err(Failure::all(&faults.into_sorted())),
    }
}

struct Reader<'a> {
    page: FileFaults<'a>,
    directory: &'a Path,
}

impl Reader<'_> {
    fn agent(&self, tree: &Node) -> Option<AgentFile> {
        let top = members(tree, &["key", "authorities"], self.page)?;
        let key = top.need("key", self.page).and_then(|node| self.key(node));
        let all = top.need("authorities", self.page).and_then(|node| list(node, self.page));
        let authorities = all.map(|all| {
            let read: Vec<_> = all.iter().filter_map(|node| self.authority(node)).collect();
            (read.len() == all.len()).then_some(read)
        });
        Some(AgentFile { key: key?, authorities: authorities?? })
    }

    fn key(&self, node: &Node) -> Option<PrivateKey> {
        let path = self.directory.join(string(node, self.page)?);
        match keys::read(&path) {
            Ok(key) => Some(key),
            Err(error) => {
                let instead = "make one with `portcullis key new --out FILE`";
                self.page.fault(node.at, error.to_string(), instead);
                None
            }
        }
    }

    fn authority(&self, node: &Node) -> Option<KnownAuthority> {
        let part = members(node, &["issuer", "audience", "api", "subjectToken"], self.page)?;
        let text = |name: &str| Some(string(part.need(name, self.page)?, self.page)?.to_owned());
        let (issuer, audience) = (text("issuer"), text("audience"));
        let api = part.need("api", self.page).and_then(|node| self.endpoint(node));
        let token = text("subjectToken").map(|file| self.directory.join(file));
        Some(KnownAuthority { issuer: issuer?, audience: audience?, api: api?, token: token? })
    }

    fn endpoint(&self, node: &Node) -> Option<Endpoint> {
        let text = string(node, self.page)?;
        let https = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
        let endpoint = match (text.strip_prefix("unix:"), text.strip_prefix("https://")) {
            (Some(socket), _) if !socket.is_empty() => Some(Endpoint::Unix(self.directory.join(socket))),
            (_, Some(host)) if https(host) => Some(Endpoint::Https(text.to_owned())),
            _ => None,
        };
        if endpoint.is_none() {
            self.page.fault(
                node.at,
                format!("`{text}` is not the address of an authority's API"),
                "write `https://HOST`, or `unix:PATH`: a token is sent there",
            );
        }
        endpoint
    }
}
