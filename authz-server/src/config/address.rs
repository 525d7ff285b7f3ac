//! The addresses that the server listens on. In cleartext it listens only where no other machine can connect: the types
//! allow nothing else. The health listener alone may be open, because it says nothing that must be kept from anybody.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::keys::TlsFiles;

/// Where the server listens, for each group of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub proxies: ProxiesAddress,
    pub api: ApiAddress,
    /// Only `/livez`, `/readyz` and `/metrics` are served here, without TLS.
    pub health: SocketAddr,
}

/// For proxies. A peer on a local address is the proxy `local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxiesAddress {
    Local(LocalAddress),
    Tls(TlsAddress),
}

/// For operators and auditors. A peer on the Unix socket is `local`; loopback is not enough, because every user of this
/// machine can connect to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiAddress {
    Unix(PathBuf),
    Tls(TlsAddress),
}

/// An address that cannot be reached from another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAddress {
    Unix(PathBuf),
    Loopback(SocketAddr),
}

/// An address with TLS, and the files that it needs. They are read again whenever they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsAddress {
    pub address: SocketAddr,
    pub files: TlsFiles,
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
