//! A small load generator on one thread. Each connection sends its next request when it has the response to the last one.

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use portcullis_tests::tls_client::TlsClient;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The connections of a contender, unless a curve says another number.
pub const CONNECTIONS: usize = 16;

/// How many addresses of loopback the requests come from: the gate lets one address use a quarter of what it verifies in a second.
pub const ADDRESSES: u32 = 4;

/// Warrants that nobody has seen, in a second and from one address: the gate verifies a thousand.
pub const NEW_ONES_A_SECOND: u32 = 900;

/// The requests to send, each with its own headers or all with the same.
#[derive(Clone, Debug)]
pub struct Requests {
    pub method: &'static str,
    pub authority: String,
    pub target: String,
    /// The headers of each request, used in turn and from the beginning again.
    pub headers: Vec<Vec<(&'static str, String)>>,
    pub body: Bytes,
    /// What every response must say.
    pub status: u16,
    /// The most that are sent in a second.
    pub a_second: Option<u32>,
}

impl Requests {
    fn nth(&self, index: usize) -> Request<Full<Bytes>> {
        let mut request =
            Request::builder().method(self.method).uri(&self.target).header("host", &self.authority);
        if let Some(headers) = self.headers.get(index % self.headers.len().max(1)) {
            for (name, value) in headers {
                request = request.header(*name, value);
            }
        }
        request.body(Full::new(self.body.clone())).expect("the requests of a bench are well-formed")
    }
}

/// Open connections to one proxy.
#[derive(Debug)]
pub struct Connections(Vec<SendRequest<Full<Bytes>>>);

impl Connections {
    /// Opens so many, each over TLS if the client has settings for it.
    ///
    /// # Panics
    /// When the proxy refuses one.
    pub async fn open(to: SocketAddr, tls: Option<&TlsClient>, count: usize) -> Connections {
        let mut open = Vec::new();
        for n in (0..ADDRESSES).cycle().take(count) {
            let stream = connect(to, n).await;
            let sender = match tls {
                None => {
                    let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
                    tokio::spawn(connection);
                    sender
                }
                Some(tls) => {
                    let stream = tls.connect_over(stream).await.expect("the proxy speaks TLS");
                    let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
                    tokio::spawn(connection);
                    sender
                }
            };
            open.push(sender);
        }
        Connections(open)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Sends this many requests, and returns how long each took.
    ///
    /// # Panics
    /// When a response has another status: denials would look very fast.
    pub async fn send(&mut self, requests: &Arc<Requests>, count: usize) -> Vec<Duration> {
        let next = Arc::new(AtomicUsize::new(0));
        let pace = Arc::new(Pace::of(requests.a_second));
        let mut running = JoinSet::new();
        for sender in self.0.drain(..) {
            running.spawn(drive(sender, requests.clone(), next.clone(), count, pace.clone()));
        }
        let mut all = Vec::with_capacity(count);
        while let Some(ended) = running.join_next().await {
            let (sender, times) = ended.expect("every connection ends without a panic");
            self.0.push(sender);
            all.extend(times);
        }
        all
    }
}

async fn drive(
    mut sender: SendRequest<Full<Bytes>>,
    requests: Arc<Requests>,
    next: Arc<AtomicUsize>,
    count: usize,
    pace: Arc<Pace>,
) -> (SendRequest<Full<Bytes>>, Vec<Duration>) {
    let mut times = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= count {
            return (sender, times);
        }
        let request = requests.nth(index);
        pace.wait().await;
        sender.ready().await.expect("the connection stays open");
        let sent = Instant::now();
        let response = sender.send_request(request).await.expect("every request is answered");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a complete response").to_bytes();
        times.push(sent.elapsed());
        assert_eq!(status, requests.status, "request {index}: {}", String::from_utf8_lossy(&body));
    }
}

/// Spreads requests over time. After a delay it does not catch up: that would exceed the rate.
#[derive(Debug)]
struct Pace(Option<(Duration, Mutex<Instant>)>);

impl Pace {
    fn of(a_second: Option<u32>) -> Pace {
        Pace(a_second.map(|rate| (Duration::from_secs(1) / rate, Mutex::new(Instant::now()))))
    }

    async fn wait(&self) {
        let Some((interval, next)) = &self.0 else { return };
        let turn = {
            let mut next = next.lock().expect("no panic");
            let turn = (*next).max(Instant::now());
            *next = turn + *interval;
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

async fn connect(to: SocketAddr, n: u32) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + n));
    socket.bind(SocketAddr::new(from, 0)).expect("an address of loopback");
    socket.set_nodelay(true).expect("a socket takes it");
    socket.connect(to).await.expect("the proxy listens")
}
