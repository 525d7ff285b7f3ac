//! Listening on a Unix socket or on loopback.

use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};

use crate::config::LocalAddress;

/// How many unread bytes of an answer the kernel holds for a client. Without this limit it can hold megabytes for
/// each.
const SEND_BUFFER: u32 = 128 * 1024;
const BACKLOG: u32 = 1024;

/// A bound listener, and the address that it really has (port 0 has become a port).
#[derive(Debug)]
pub enum BoundListener {
    Unix(UnixListener, PathBuf),
    Loopback(TcpListener, SocketAddr),
}

/// Why an address cannot be listened on.
#[derive(Debug)]
pub struct ListenError {
    address: LocalAddress,
    error: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.error)
    }
}

impl std::error::Error for ListenError {}

impl BoundListener {
    pub async fn at(at: &LocalAddress) -> Result<BoundListener, ListenError> {
        let failed = |error| ListenError { address: at.clone(), error };
        match at {
            LocalAddress::Loopback(address) => {
                let listener = listen_on_tcp(*address).map_err(failed)?;
                let bound = listener.local_addr().map_err(failed)?;
                Ok(BoundListener::Loopback(listener, bound))
            }
            LocalAddress::Unix(path) => {
                remove_dead_socket(path).await.map_err(failed)?;
                // The proxy may run under another user of the same group. No one else may connect, not even between two
                // system calls: so the mode is set by umask, not by a later chmod.
                let before = umask(Mode::from_raw_mode(0o117));
                let bound = UnixListener::bind(path);
                umask(before);
                Ok(BoundListener::Unix(bound.map_err(failed)?, path.clone()))
            }
        }
    }
}

/// Connections inherit the options of their listener.
fn listen_on_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Removes a socket file that a killed server left behind. A socket on which a server answers, or a file that is not
/// a socket, stays, and binding then fails.
async fn remove_dead_socket(path: &Path) -> io::Result<()> {
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

impl BoundListener {
    pub fn address(&self) -> LocalAddress {
        match self {
            BoundListener::Unix(_, path) => LocalAddress::Unix(path.clone()),
            BoundListener::Loopback(_, address) => LocalAddress::Loopback(*address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_dead_socket_is_removed_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let address = LocalAddress::Unix(dir.path().join("s.sock"));
        let alive = BoundListener::at(&address).await.unwrap();
        assert!(
            BoundListener::at(&address).await.unwrap_err().to_string().contains("cannot listen on unix:")
        );
        let found = std::fs::metadata(dir.path().join("s.sock")).unwrap().permissions();
        assert_eq!(found.mode() & 0o777, 0o660, "for owner and group");
        drop(alive); // leaves the file behind, as a killed server does
        assert!(BoundListener::at(&address).await.is_ok());
    }

    #[tokio::test]
    async fn a_file_that_is_not_a_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        ledger::durable::write_new(&path, b"data", 0o600).unwrap();
        assert!(BoundListener::at(&LocalAddress::Unix(path.clone())).await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"data");
    }
}
