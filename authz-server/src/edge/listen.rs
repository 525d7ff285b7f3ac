//! Where to listen: a Unix socket, or loopback. Cleartext goes nowhere else, so the type of an address allows no other.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tonic::service::Interceptor;

/// Who a connection's peer is, among the bundle's proxies. Whoever reaches a local socket is `local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyIdentity(pub String);

/// Where proxies ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAddress {
    Unix(PathBuf),
    Loopback(SocketAddr),
}

/// A bound listener, and the address that it really has (port 0 has become a port).
#[derive(Debug)]
pub enum Bound {
    Unix(UnixListener, PathBuf),
    Loopback(TcpListener, SocketAddr),
}

impl LocalAddress {
    /// `unix:/path` or an address and port of the loopback.
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
            Err(format!("{address} is not loopback: cleartext is for a Unix socket or loopback only"))
        }
    }

    pub async fn bind(&self) -> Result<Bound, String> {
        let failed = |e: io::Error| format!("cannot listen on {self}: {e}");
        match self {
            LocalAddress::Loopback(address) => {
                let listener = TcpListener::bind(address).await.map_err(failed)?;
                let bound = listener.local_addr().map_err(failed)?;
                Ok(Bound::Loopback(listener, bound))
            }
            LocalAddress::Unix(path) => {
                make_way(path).await.map_err(failed)?;
                // The proxy may run under another user and share a group; nobody else has business here, not even
                // between two system calls: so by umask, and not by a later chmod.
                let before = umask(Mode::from_raw_mode(0o117));
                let bound = UnixListener::bind(path);
                umask(before);
                Ok(Bound::Unix(bound.map_err(failed)?, path.clone()))
            }
        }
    }
}

/// A socket file outlives a killed server. One that nobody answers on is removed; a live one, or a file that is no
/// socket, is left alone, and binding then says so.
async fn make_way(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => match UnixStream::connect(path).await {
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
            Ok(_) | Err(_) => Ok(()),
        },
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

impl Bound {
    pub fn address(&self) -> LocalAddress {
        match self {
            Bound::Unix(_, path) => LocalAddress::Unix(path.clone()),
            Bound::Loopback(_, address) => LocalAddress::Loopback(*address),
        }
    }
}

/// Marks each call with its peer. Today every listener is local, and its peers are too; a listener with mutual TLS
/// will put its client's SPIFFE ID here.
#[derive(Clone, Copy, Debug)]
pub struct NamePeer;

impl Interceptor for NamePeer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        request.extensions_mut().insert(ProxyIdentity("local".to_owned()));
        Ok(request)
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
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn cleartext_is_local() {
        assert!(LocalAddress::parse("unix:/run/p.sock").is_ok());
        assert!(LocalAddress::parse("127.0.0.1:0").is_ok());
        assert!(LocalAddress::parse("[::1]:9191").is_ok());
        for open in ["0.0.0.0:9191", "10.0.0.1:9191", "[::]:9191", "localhost:9191", "unix:", ""] {
            assert!(LocalAddress::parse(open).is_err(), "{open}");
        }
    }

    #[tokio::test]
    async fn a_dead_socket_makes_way_and_a_live_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let address = LocalAddress::Unix(dir.path().join("s.sock"));
        let alive = address.bind().await.unwrap();
        assert!(address.bind().await.unwrap_err().contains("cannot listen on unix:"));
        let found = std::fs::metadata(dir.path().join("s.sock")).unwrap().permissions();
        assert_eq!(found.mode() & 0o777, 0o660, "for owner and group");
        drop(alive); // leaves the file behind, as a killed server does
        assert!(address.bind().await.is_ok());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        ledger::durable::write_new(&path, b"data", 0o600).unwrap();
        assert!(LocalAddress::Unix(path.clone()).bind().await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"data");
    }
}
