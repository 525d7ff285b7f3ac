//! A small load generator. Each connection sends its next request when it has the response to the last one.

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The number of connections.
pub const CONNECTIONS: usize = 16;

/// The requests to send, each with its own headers or all with the same.
#[derive(Clone, Debug)]
pub struct Requests {
    pub authority: String,
    pub target: String,
    /// The headers of each request, used in turn and from the beginning again.
    pub headers: Vec<Vec<(&'static str, String)>>,
    /// What every response must say.
    pub status: u16,
    /// The most that are sent in a second.
    pub a_second: Option<u32>,
}

impl Requests {
    fn nth(&self, index: usize) -> Request<Empty<Bytes>> {
        let mut request = Request::get(&self.target).header("host", &self.authority);
        if let Some(headers) = self.headers.get(index % self.headers.len().max(1)) {
            for (name, value) in headers {
                request = request.header(*name, value);
            }
        }
        request.body(Empty::new()).expect("the requests of a bench are well-formed")
    }
}

/// Sends this many requests and returns the time that it took.
///
/// # Panics
/// When a response has another status: denials would look very fast.
pub async fn send(to: SocketAddr, requests: Arc<Requests>, count: usize) -> Duration {
    let next = Arc::new(AtomicUsize::new(0));
    let from = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(drive(to, requests.clone(), next.clone(), count, from));
    }
    while let Some(ended) = connections.join_next().await {
        ended.expect("every connection ends without a panic");
    }
    from.elapsed()
}

async fn drive(
    to: SocketAddr,
    requests: Arc<Requests>,
    next: Arc<AtomicUsize>,
    count: usize,
    begun: Instant,
) {
    let stream = TcpStream::connect(to).await.expect("Envoy listens");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("Envoy speaks HTTP/1.1");
    tokio::spawn(connection);
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= count {
            return;
        }
        if let Some(rate) = requests.a_second {
            tokio::time::sleep_until((begun + Duration::from_secs(1) * index as u32 / rate).into()).await;
        }
        sender.ready().await.expect("the connection stays open");
        let response = sender.send_request(requests.nth(index)).await.expect("every request is answered");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a complete response").to_bytes();
        assert_eq!(status, requests.status, "request {index}: {}", String::from_utf8_lossy(&body));
    }
}
