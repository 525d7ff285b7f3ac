//! Requests over a Unix socket. The URL `unix:PATH:/REST` names the socket's path and the request's path.

use std::path::Path;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// The socket's path and the request's path, if the URL names a Unix socket.
pub(super) fn parts(url: &str) -> Option<(&Path, &str)> {
    let (socket, path) = url.strip_prefix("unix:")?.rsplit_once(":/")?;
    let path = url.get(url.len().checked_sub(path.len())?.checked_sub(1)?..)?;
    (!socket.is_empty()).then_some((Path::new(socket), path))
}

/// Sends one request over a connection of its own.
pub(super) async fn send(
    socket: &Path,
    path: &str,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, String> {
    *request.uri_mut() = path.parse::<Uri>().map_err(|e| e.to_string())?;
    request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
    let stream = UnixStream::connect(socket).await.map_err(|e| format!("cannot connect: {e}"))?;
    let connecting = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connecting.map_err(|e| super::chain(&e))?;
    // It ends with the answer's body.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(|e| super::chain(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_socket_and_the_path() {
        assert_eq!(parts("unix:home/api.sock:/log/x?y"), Some((Path::new("home/api.sock"), "/log/x?y")));
        assert_eq!(parts("unix:/run/a:/b/api.sock:/log"), Some((Path::new("/run/a:/b/api.sock"), "/log")));
        for other in ["unix:home/api.sock", "unix::/log", "http://h:/x", "/x"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
