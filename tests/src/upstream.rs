//! The guarded upstream: a server for HTTP/1.1 and HTTP/2 that accepts every request and remembers it. Its responses claim to
//! be denials by Portcullis, as a hostile upstream's might.
//!
//! A segment of the path asks for a stream: `stream` and `idle` get an answer without an end, and the second one falls silent;
//! `events` gets server-sent events; `grpc` gets each of its messages back; `silence` gets no answer; `upload` gets one when its
//! body has ended; `socket` becomes a WebSocket.

mod streams;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};

use crate::client::REQUEST_ID;
use crate::endless::EndlessBody;
use streams::{Streams, WhileOpen, answer_messages};

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
    streams: Streams,
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
        let streams = Streams::default();
        let task = tokio::spawn(serve(listener, executions.clone(), streams.clone()));
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
        self.streams.open()
    }

    /// When the last request without end that has ended did so.
    #[must_use]
    pub fn last_end(&self) -> Option<Instant> {
        self.streams.last_end()
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

async fn serve(listener: TcpListener, executions: Arc<Mutex<Vec<Execution>>>, streams: Streams) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve_connection(stream, executions.clone(), streams.clone()));
    }
}

async fn serve_connection(stream: TcpStream, executions: Arc<Mutex<Vec<Execution>>>, streams: Streams) {
    let mut first = [0; 3];
    let is_http2 = stream.peek(&mut first).await.is_ok() && first == *b"PRI";
    let service = service_fn(move |request| execute(request, executions.clone(), streams.clone()));
    let stream = TokioIo::new(stream);
    // However a connection ends, it ends.
    let _ = if is_http2 {
        http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await
    } else {
        http1::Builder::new().serve_connection(stream, service).with_upgrades().await
    };
}

type AnswerBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

async fn execute(
    mut request: Request<Incoming>,
    executions: Arc<Mutex<Vec<Execution>>>,
    streams: Streams,
) -> Result<Response<AnswerBody>, Infallible> {
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
        tokio::spawn(answer_messages(upgraded, streams.begin()));
        let mut response = Response::new(whole(Bytes::new()));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Ok(response);
    }
    if has("silence") {
        let _open = streams.begin();
        // It reads, because HTTP/2 bounds what nobody reads. So it notices the end of a request too.
        let _ = body.collect().await;
        return std::future::pending().await;
    }
    let piece = Bytes::from_static;
    if has("stream") {
        return Ok(endless(EndlessBody::busy(piece(b"go on\n")), &streams, "text/plain"));
    }
    if has("idle") {
        return Ok(endless(EndlessBody::idle(piece(b"wait\n")), &streams, "text/plain"));
    }
    if has("events") {
        return Ok(endless(EndlessBody::busy(piece(b"data: go on\n\n")), &streams, "text/event-stream"));
    }
    if has("grpc") {
        return Ok(endless(body, &streams, "application/grpc"));
    }
    let _open = has("upload").then(|| streams.begin());
    let body = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
    executions.lock().unwrap()[number].body = body;
    let mut response = Response::new(whole(Bytes::from(answer)));
    response.headers_mut().insert("warrant-denial", HeaderValue::from_static("claimed-by-the-upstream"));
    Ok(response)
}

fn whole(body: Bytes) -> AnswerBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

/// An answer that goes on as long as its body does.
fn endless<B>(body: B, streams: &Streams, content_type: &'static str) -> Response<AnswerBody>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let body = WhileOpen::new(body, streams);
    let mut response = Response::new(body.map_err(Into::into).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
