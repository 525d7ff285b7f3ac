//! The addresses that the server may listen on in cleartext: a Unix socket or loopback. The type allows nothing else.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

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
}
