//! The guarded upstream: an HTTP/1.1 server that accepts every request and remembers it. Its responses claim to be
//! denials by Portcullis, as a hostile upstream's might. A request for a path with the segment `stream` gets an answer without
//! end, and one with the segment `silence` gets none. One with the segment `socket` switches to another protocol, in which the
//! upstream only listens.

use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{Interval, interval};

use crate::client::REQUEST_ID;

/// One request that reached the upstream.
#[derive(Clone, Debug)]
pub struct Execution {
    pub method: String,
    /// Path and query as they arrived.
    pub target: String,
    pub headers: HeaderMap,
    /// Empty until the whole body has arrived.
    pub body: Bytes,
}

impl Execution {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The decision that allowed it.
    #[must_use]
    pub fn decision(&self) -> Option<&str> {
        self.header("warrant-decision")
    }

    /// The id that the tests' client gave this request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.header(REQUEST_ID)
    }
}

/// A running upstream. It ends with its owner.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    executions: Arc<Mutex<Vec<Execution>>>,
    streams: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Upstream {
    /// Listens on a free port.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        Upstream::on(listener)
    }

    /// Serves on a listener that is already bound.
    ///
    /// # Panics
    /// When the listener has no address.
    #[must_use]
    pub fn on(listener: TcpListener) -> Upstream {
        let address = listener.local_addr().expect("a bound listener has an address");
        let executions: Arc<Mutex<Vec<Execution>>> = Arc::default();
        let streams = Arc::<AtomicUsize>::default();
        let task = tokio::spawn(serve(listener, executions.clone(), Arc::clone(&streams)));
        Upstream { address, executions, streams, task }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that reached the upstream, in order.
    ///
    /// # Panics
    /// When the upstream itself panicked.
    #[must_use]
    pub fn executions(&self) -> Vec<Execution> {
        self.executions.lock().unwrap().clone()
    }

    /// The requests without end that have not ended yet.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    /// The ids of the decisions under which requests were executed.
    ///
    /// # Panics
    /// When a request was executed without a decision.
    #[must_use]
    pub fn decisions(&self) -> BTreeSet<String> {
        self.executions().iter().map(|execution| execution.decision().unwrap().to_owned()).collect()
    }

    /// Decisions under which more than one request was executed. In every test there must be none.
    #[must_use]
    pub fn decisions_executed_twice(&self) -> Vec<String> {
        let mut executions: BTreeMap<String, u32> = BTreeMap::new();
        for execution in self.executions() {
            if let Some(decision) = execution.decision() {
                *executions.entry(decision.to_owned()).or_default() += 1;
            }
        }
        executions.into_iter().filter(|(_, times)| *times > 1).map(|(decision, _)| decision).collect()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, executions: Arc<Mutex<Vec<Execution>>>, streams: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (executions, streams) = (executions.clone(), Arc::clone(&streams));
        let service = service_fn(move |request| execute(request, executions.clone(), Arc::clone(&streams)));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

async fn execute(
    mut request: Request<Incoming>,
    executions: Arc<Mutex<Vec<Execution>>>,
    streams: Arc<AtomicUsize>,
) -> Result<Response<Either<Full<Bytes>, Endless>>, Infallible> {
    let upgraded = hyper::upgrade::on(&mut request);
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let answer = format!("the upstream did {} {target}\n", head.method);
    // It counts as soon as its headers are here: a request whose body breaks off, or never comes, has reached the upstream.
    let method = head.method.to_string();
    let number = {
        let mut executions = executions.lock().unwrap();
        executions.push(Execution { method, target, headers: head.headers, body: Bytes::new() });
        executions.len() - 1
    };
    let has = |name: &str| head.uri.path().split('/').any(|segment| segment == name);
    if has("socket") {
        let open = OpenStream::new(streams);
        tokio::spawn(async move {
            let _open = open;
            let mut socket = TokioIo::new(upgraded.await.expect("the answer switches protocols"));
            // However it ends, it ends.
            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
        });
        let mut response = Response::new(Either::Left(Full::new(Bytes::new())));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Ok(response);
    }
    if has("stream") || has("silence") {
        let open = OpenStream::new(streams);
        if has("silence") {
            let _open = open;
            return std::future::pending().await;
        }
        return Ok(Response::new(Either::Right(Endless { pulse: interval(PULSE), _open: open })));
    }
    let body = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
    executions.lock().unwrap()[number].body = body;
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(answer))));
    response.headers_mut().insert("warrant-denial", HeaderValue::from_static("claimed-by-the-upstream"));
    Ok(response)
}

const PULSE: Duration = Duration::from_millis(50);

/// A body that never ends.
#[derive(Debug)]
struct Endless {
    pulse: Interval,
    _open: OpenStream,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pulse.poll_tick(context).map(|_| Some(Ok(Frame::data(Bytes::from_static(b"go on\n")))))
    }
}

/// Counted while it lives.
#[derive(Debug)]
struct OpenStream(Arc<AtomicUsize>);

impl OpenStream {
    fn new(streams: Arc<AtomicUsize>) -> OpenStream {
        streams.fetch_add(1, Ordering::Relaxed);
        OpenStream(streams)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
