//! `listen`: where the server listens for proxies, for callers of its API, and for health checks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::address::{Listen, LocalAddress};
use policy::fault::FileFaults;
use policy::strict::{Members, Node, members, string};

/// The health listener's address if the configuration names none.
const HEALTH: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9181);

/// Reads all listeners, or returns `None` if one has a fault; each fault is reported. Relative paths are relative to
/// `directory`.
pub(super) fn read(node: &Node, page: FileFaults<'_>, directory: &Path) -> Option<Listen> {
    let part = members(node, &["proxies", "api", "health"], page)?;
    let reader = ListenReader { page, directory };
    let proxies = part.need("proxies", page).and_then(|node| reader.proxies(node));
    let api = part.need("api", page).and_then(|node| reader.api(node));
    let health = reader.health(&part);
    Some(Listen { proxies: proxies?, api: api?, health: health? })
}

struct ListenReader<'a> {
    page: FileFaults<'a>,
    directory: &'a Path,
}

impl ListenReader<'_> {
    fn proxies(&self, node: &Node) -> Option<LocalAddress> {
        match LocalAddress::parse(string(node, self.page)?) {
            Ok(LocalAddress::Unix(path)) => Some(LocalAddress::Unix(self.directory.join(path))),
            Ok(LocalAddress::Loopback(address)) => Some(LocalAddress::Loopback(address)),
            Err(what) => {
                let instead = "write unix:PATH, or a loopback address and port such as 127.0.0.1:9191";
                self.page.fault(node.at, what, instead);
                None
            }
        }
    }

    fn api(&self, node: &Node) -> Option<PathBuf> {
        match LocalAddress::parse_unix(string(node, self.page)?) {
            Ok(path) => Some(self.directory.join(path)),
            Err(what) => {
                self.page.fault(node.at, what, "write unix:PATH");
                None
            }
        }
    }

    fn health(&self, part: &Members<'_>) -> Option<SocketAddr> {
        let Some(node) = part.get("health") else { return Some(HEALTH) };
        let text = string(node, self.page)?;
        let address = text.parse().ok();
        if address.is_none() {
            let what = format!("{text:?} is not an address and port");
            self.page.fault(node.at, what, format!("write an address and port such as {HEALTH}"));
        }
        address
    }
}
