//! `listen`: where the server listens for proxies, for callers of its API, and for health checks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::address::{ApiAddress, Listen, LocalAddress, ProxiesAddress, TlsAddress};
use crate::keys::{ClientFiles, TlsFiles};
use policy::fault::FileFaults;
use policy::strict::{Members, Node, NodeValue, members, string};

/// The health listener's address if the configuration names none.
const HEALTH: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9181);

/// Whether a listener with TLS must ask its clients for certificates.
#[derive(Clone, Copy)]
enum Clients {
    Required,
    Optional,
}

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

/// Reads an address and port.
pub(crate) fn address(node: &Node, page: FileFaults<'_>, directory: &Path) -> Option<SocketAddr> {
    ListenReader { page, directory }.address(node)
}

/// Reads a listener with TLS whose clients need no certificate.
pub(crate) fn certificate(node: &Node, page: FileFaults<'_>, directory: &Path) -> Option<TlsAddress> {
    ListenReader { page, directory }.tls(node, Clients::Optional)
}

struct ListenReader<'a> {
    page: FileFaults<'a>,
    directory: &'a Path,
}

impl ListenReader<'_> {
    fn proxies(&self, node: &Node) -> Option<ProxiesAddress> {
        if let NodeValue::Map(_) = node.value {
            return self.tls(node, Clients::Required).map(ProxiesAddress::Tls);
        }
        let instead = "write unix:PATH, a loopback address and port such as 127.0.0.1:9191, or a map for TLS: \
                       {address, certificate, key, clients}";
        match LocalAddress::parse(string(node, self.page)?) {
            Ok(LocalAddress::Unix(path)) => {
                Some(ProxiesAddress::Local(LocalAddress::Unix(self.directory.join(path))))
            }
            Ok(loopback @ LocalAddress::Loopback(_)) => Some(ProxiesAddress::Local(loopback)),
            Err(what) => {
                self.page.fault(node.at, what, instead);
                None
            }
        }
    }

    fn api(&self, node: &Node) -> Option<ApiAddress> {
        if let NodeValue::Map(_) = node.value {
            return self.tls(node, Clients::Optional).map(ApiAddress::Tls);
        }
        match LocalAddress::parse_unix(string(node, self.page)?) {
            Ok(path) => Some(ApiAddress::Unix(self.directory.join(path))),
            Err(what) => {
                self.page.fault(
                    node.at,
                    what,
                    "write unix:PATH, or a map for TLS: {address, certificate, key}",
                );
                None
            }
        }
    }

    fn health(&self, part: &Members<'_>) -> Option<SocketAddr> {
        match part.get("health") {
            Some(node) => self.address(node),
            None => Some(HEALTH),
        }
    }

    fn address(&self, node: &Node) -> Option<SocketAddr> {
        let text = string(node, self.page)?;
        let address = text.parse().ok();
        if address.is_none() {
            let what = format!("{text:?} is not an address and port");
            self.page.fault(node.at, what, format!("write an IP address and a port, such as {HEALTH}"));
        }
        address
    }

    fn tls(&self, node: &Node, clients: Clients) -> Option<TlsAddress> {
        let part = members(node, &["address", "certificate", "key", "clients", "crls"], self.page)?;
        let address = part.need("address", self.page).and_then(|node| self.address(node));
        let certificate = part.need("certificate", self.page).and_then(|node| self.path(node));
        let key = part.need("key", self.page).and_then(|node| self.path(node));
        let clients = self.clients(&part, clients);
        let files = TlsFiles { certificate: certificate?, key: key?, clients: clients? };
        // Read now, so that every fault is reported with those of the configuration.
        let faults = files.read().and_then(|contents| contents.parse()).err().unwrap_or_default();
        for fault in &faults {
            self.page.fault(node.at, fault.to_string(), "name files in PEM, relative to this file");
        }
        Some(TlsAddress { address: address?, files }).filter(|_| faults.is_empty())
    }

    fn clients(&self, part: &Members<'_>, clients: Clients) -> Option<Option<ClientFiles>> {
        let is_optional = matches!(clients, Clients::Optional);
        let roots = match (part.get("clients"), clients) {
            (Some(node), _) => Some(self.path(node)?),
            (None, Clients::Optional) => None,
            (None, Clients::Required) => {
                Some(part.need("clients", self.page).and_then(|node| self.path(node))?)
            }
        };
        let crls = match part.get("crls") {
            Some(node) => Some((node, self.path(node)?)),
            None => None,
        };
        match (roots, crls) {
            (Some(roots), crls) => {
                Some(Some(ClientFiles { roots, crls: crls.map(|(_, path)| path), is_optional }))
            }
            (None, None) => Some(None),
            (None, Some((node, _))) => {
                let instead = "name the roots of clients' certificates too: `clients: FILE`";
                self.page.fault(node.at, "CRLs without `clients` revoke nothing", instead);
                None
            }
        }
    }

    fn path(&self, node: &Node) -> Option<PathBuf> {
        string(node, self.page).map(|text| self.directory.join(text))
    }
}
