//! Listening on a Unix socket or on a TCP port.

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

/// The address of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    Unix { path: PathBuf, for_whom: SocketUsers },
    Tcp(SocketAddr),
}

/// Which users of this machine may connect to a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketUsers {
    /// The server's own user.
    Owner,
    /// Also the users of its group: a proxy may run as another user.
    OwnerAndGroup,
}

/// A bound listener, and the address that it really has (port 0 has become a port).
#[derive(Debug)]
pub enum BoundListener {
    Unix(UnixListener, PathBuf),
    Tcp(TcpListener, SocketAddr),
}

/// Why an address cannot be listened on.
#[derive(Debug)]
pub struct ListenError {
    address: ListenAddress,
    error: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.error)
    }
}

impl std::error::Error for ListenError {}

impl BoundListener {
    pub async fn at(at: &ListenAddress) -> Result<BoundListener, ListenError> {
        let failed = |error| ListenError { address: at.clone(), error };
        match at {
            ListenAddress::Tcp(address) => {
                let listener = listen_on_tcp(*address).map_err(failed)?;
                let bound = listener.local_addr().map_err(failed)?;
                Ok(BoundListener::Tcp(listener, bound))
            }
            ListenAddress::Unix { path, for_whom } => {
                remove_dead_socket(path).await.map_err(failed)?;
                // No one else may connect, not even between two system calls: so the mode is set by umask, not by a later
                // chmod.
                let before = umask(for_whom.umask());
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
    /// The address as the configuration writes it, for people.
    pub fn address(&self) -> String {
        match self {
            BoundListener::Unix(_, path) => format!("unix:{}", path.display()),
            BoundListener::Tcp(_, address) => address.to_string(),
        }
    }
}

impl From<&LocalAddress> for ListenAddress {
    fn from(address: &LocalAddress) -> ListenAddress {
        match address {
            LocalAddress::Unix(path) => {
                ListenAddress::Unix { path: path.clone(), for_whom: SocketUsers::OwnerAndGroup }
            }
            LocalAddress::Loopback(address) => ListenAddress::Tcp(*address),
        }
    }
}

impl SocketUsers {
    fn umask(self) -> Mode {
        Mode::from_raw_mode(match self {
            SocketUsers::Owner => 0o177,
            SocketUsers::OwnerAndGroup => 0o117,
        })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            ListenAddress::Tcp(address) => address.fmt(f),
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
        let path = dir.path().join("s.sock");
        let address = ListenAddress::Unix { path: path.clone(), for_whom: SocketUsers::OwnerAndGroup };
        let alive = BoundListener::at(&address).await.unwrap();
        assert!(
            BoundListener::at(&address).await.unwrap_err().to_string().contains("cannot listen on unix:")
        );
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        drop(alive); // leaves the file behind, as a killed server does
        let for_owner = ListenAddress::Unix { path: path.clone(), for_whom: SocketUsers::Owner };
        let _alive = BoundListener::at(&for_owner).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_file_that_is_not_a_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        ledger::durable::write_new(&path, b"data", 0o600).unwrap();
        let address = ListenAddress::Unix { path: path.clone(), for_whom: SocketUsers::Owner };
        assert!(BoundListener::at(&address).await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"data");
    }
}
