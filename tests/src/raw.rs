//! A client that sends bytes as they are, so that a request can have any form. It knows just enough of HTTP/1.1 to tell one
//! response from the next.

use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{ClientRequest, ClientResponse, REQUEST_ID};
use crate::condition::LONGEST_WAIT;

/// What came back over one connection.
#[derive(Clone, Debug)]
pub struct RawAnswers {
    /// The responses in order, those with status 100 included.
    pub responses: Vec<ClientResponse>,
}

impl RawAnswers {
    /// The statuses, in order.
    #[must_use]
    pub fn statuses(&self) -> Vec<u16> {
        self.responses.iter().map(|response| response.status).collect()
    }
}

/// Sends these bytes, and reads until the connection is closed. When `count` responses are complete, this end says that it
/// sends no more.
///
/// # Panics
/// When neither happens within [`LONGEST_WAIT`], or something comes back that is no HTTP/1.1.
pub async fn exchange(to: SocketAddr, bytes: &[u8], count: usize) -> RawAnswers {
    exchange_over(TcpStream::connect(to).await.expect("the proxy listens"), bytes, count).await
}

/// The same over a connection that was opened for it alone.
///
/// # Panics
/// The same.
pub async fn exchange_over(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &[u8],
    count: usize,
) -> RawAnswers {
    // The proxy may close the connection before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut received = Vec::new();
    let reading = async {
        let mut has_shut = false;
        // An end by reset is an end too.
        while stream.read_buf(&mut received).await.unwrap_or(0) > 0 {
            if !has_shut && count > 0 && responses(&received, false).len() >= count {
                // Now the proxy closes the connection at once. Otherwise it would wait for a second.
                has_shut = stream.shutdown().await.is_ok();
            }
        }
        RawAnswers { responses: responses(&received, true) }
    };
    let answers = tokio::time::timeout(LONGEST_WAIT, reading).await;
    answers.unwrap_or_else(|_| {
        panic!("no end within {LONGEST_WAIT:?}: {} got {}", bytes.escape_ascii(), received.escape_ascii())
    })
}

/// A request as bytes. It asks for the end of its connection.
#[must_use]
pub fn bytes_of(request: &ClientRequest) -> Vec<u8> {
    let ClientRequest { id, method, host, target, headers, body } = request;
    let mut head =
        format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n{REQUEST_ID}: {id}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// The responses that are complete. At the end of the connection the last one is complete too: it may be the answer to HEAD.
fn responses(mut bytes: &[u8], is_end: bool) -> Vec<ClientResponse> {
    let mut found = Vec::new();
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let (status, headers) = head(&bytes[..end]);
        let rest = &bytes[end + 4..];
        let length = match headers.get("content-length") {
            Some(length) => length.to_str().ok().and_then(|digits| digits.parse().ok()).expect("a number"),
            None if status < 200 => 0,
            None => usize::MAX,
        };
        if rest.len() < length && !is_end {
            break;
        }
        let (body, after) = rest.split_at(length.min(rest.len()));
        found.push(ClientResponse { status, headers, body: Bytes::copy_from_slice(body) });
        bytes = after;
    }
    found
}

/// Status and headers.
pub(crate) fn head(bytes: &[u8]) -> (u16, HeaderMap) {
    let text = std::str::from_utf8(bytes).expect("the proxy writes text");
    let mut lines = text.split("\r\n");
    let first = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status = first.and_then(|rest| rest.get(..3)?.parse().ok());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value.trim()).ok()?))
    };
    let headers = lines.map(|line| header(line).unwrap_or_else(|| panic!("a header: {line:?}"))).collect();
    (status.unwrap_or_else(|| panic!("a response: {text:?}")), headers)
}
