//! Listening on a Unix socket or on loopback, and who the peer of a connection is.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tonic::service::Interceptor;

use crate::config::LocalAddress;

/// Who a connection's peer is, among the bundle's proxies. Whoever reaches a local socket is `local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyIdentity(pub String);

/// A bound listener, and the address that it really has (port 0 has become a port).
#[derive(Debug)]
pub enum Bound {
    Unix(UnixListener, PathBuf),
    Loopback(TcpListener, std::net::SocketAddr),
}

impl Bound {
    pub async fn at(at: &LocalAddress) -> Result<Bound, String> {
        let failed = |e: io::Error| format!("cannot listen on {at}: {e}");
        match at {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_dead_socket_makes_way_and_a_live_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let address = LocalAddress::Unix(dir.path().join("s.sock"));
        let alive = Bound::at(&address).await.unwrap();
        assert!(Bound::at(&address).await.unwrap_err().contains("cannot listen on unix:"));
        let found = std::fs::metadata(dir.path().join("s.sock")).unwrap().permissions();
        assert_eq!(found.mode() & 0o777, 0o660, "for owner and group");
        drop(alive); // leaves the file behind, as a killed server does
        assert!(Bound::at(&address).await.is_ok());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        ledger::durable::write_new(&path, b"data", 0o600).unwrap();
        assert!(Bound::at(&LocalAddress::Unix(path.clone())).await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"data");
    }
}
