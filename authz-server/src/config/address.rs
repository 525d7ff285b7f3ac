//! The addresses that the server listens on. Decisions and the API are served in cleartext only where no other machine can
//! connect: the types allow nothing else. The health listener may have any address, because nothing else is served there.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the server listens, for each group of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// For proxies. A peer on this address is the proxy `local`.
    pub proxies: LocalAddress,
    /// For operators and auditors, on a Unix socket: loopback is not enough, because every user of this machine can
    /// connect to it.
    pub api: PathBuf,
    /// Only `/livez`, `/readyz` and `/metrics` are served here, without TLS.
    pub health: SocketAddr,
}

/// An address that cannot be reached from another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAddress {
    Unix(PathBuf),
    Loopback(SocketAddr),
}

impl LocalAddress {
    /// Parses `unix:/path`, or a loopback address and port.
    pub fn parse(text: &str) -> Result<LocalAddress, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err("a Unix socket needs a path: unix:/path".into())
            } else {
                Ok(LocalAddress::Unix(path.into()))
            };
        }
        let address: SocketAddr = text
            .parse()
            .map_err(|_| format!("{text:?} is neither unix:/path nor an address such as 127.0.0.1:9191"))?;
        if address.ip().is_loopback() {
            Ok(LocalAddress::Loopback(address))
        } else {
            Err(format!(
                "{address} is not a loopback address: cleartext is allowed only on a Unix socket or on loopback"
            ))
        }
    }

    /// Parses `unix:/path`, and nothing else.
    pub fn parse_unix(text: &str) -> Result<PathBuf, String> {
        match LocalAddress::parse(text) {
            Ok(LocalAddress::Unix(path)) => Ok(path),
            Ok(LocalAddress::Loopback(_)) | Err(_) => {
                Err(format!("{text:?} is not a Unix socket: without TLS the API is served only on one"))
            }
        }
    }
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LocalAddress::Unix(path) => write!(f, "unix:{}", path.display()),
            LocalAddress::Loopback(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleartext_is_allowed_locally_only() {
        assert!(LocalAddress::parse("unix:/run/p.sock").is_ok());
        assert!(LocalAddress::parse("127.0.0.1:0").is_ok());
        assert!(LocalAddress::parse("[::1]:9191").is_ok());
        for open in ["0.0.0.0:9191", "10.0.0.1:9191", "[::]:9191", "localhost:9191", "unix:", ""] {
            assert!(LocalAddress::parse(open).is_err(), "{open}");
        }
    }

    #[test]
    fn the_api_is_served_in_cleartext_on_a_unix_socket_only() {
        assert!(LocalAddress::parse_unix("unix:/run/p.sock").is_ok());
        for other in ["127.0.0.1:9191", "unix:", "0.0.0.0:9191", ""] {
            assert!(LocalAddress::parse_unix(other).is_err(), "{other}");
        }
    }
}
