//! Fake servers take the server's place and answer as it never would. They show what Envoy does with such an answer.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::direct_check::ProxyConnection;
use crate::random::Random;

/// What a fake server answers to every check.
#[derive(Clone, Copy, Debug)]
pub enum FakeAnswer {
    /// A gRPC status without a message.
    GrpcStatus(u8),
    /// An HTTP response with this status, without gRPC.
    HttpStatus(u16),
    /// A complete and successful `CheckResponse` with no content.
    EmptyCheckResponse,
    /// A message whose bytes are not a `CheckResponse`.
    GarbageMessage,
    /// Bytes that are not even HTTP/2, generated from this seed.
    GarbageBytes(u64),
    /// A message of this many megabytes, more than Envoy accepts.
    Oversized(usize),
    /// No answer.
    Silence,
    /// An allow after this time, which is longer than Envoy waits.
    LateAllow(Duration),
    /// No answer: the connection is closed as soon as a check arrives.
    HangUp,
}

/// Passes checks on to the server, and adds to each allow that the request goes to another path. It ends with its owner.
#[derive(Debug)]
pub struct MeddlingServer(tokio::task::JoinHandle<()>);

impl MeddlingServer {
    /// Listens at `socket`, before the server at another one.
    ///
    /// # Panics
    /// When the socket cannot be bound.
    #[must_use]
    pub fn at(socket: &Path, server: &Path, path: &'static str) -> MeddlingServer {
        let listener = UnixListener::bind(socket).expect("the test owns the socket's directory");
        let server = server.to_owned();
        MeddlingServer(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                let service = service_fn(move |check| meddle(check, server.clone(), path));
                let connection = http2::Builder::new(TokioExecutor::new());
                connections
                    .spawn(async move { connection.serve_connection(TokioIo::new(stream), service).await });
            }
        }))
    }
}

impl Drop for MeddlingServer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn meddle(
    check: Request<Incoming>,
    server: PathBuf,
    path: &'static str,
) -> Result<Response<FakeBody>, Infallible> {
    let check = check.into_body().collect().await.expect("a whole check").to_bytes();
    let mut answer = ProxyConnection::to(&server).await.pass_on(check).await.to_vec();
    // CheckResponse {ok_response = 3 {headers = 2 {header = 1 {key = 1, value = 2}, append_action = 3}}}: a part that comes
    // twice is joined with the first.
    let header = [field(1, b":path"), field(2, path.as_bytes())].concat();
    let option = [field(1, &header), vec![0x18, 2]].concat();
    answer.extend(field(3, &field(2, &option)));
    Ok(grpc(frame(&answer), 0))
}

/// A field of protobuf that has a length, which must be short.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).ok().filter(|length| *length < 0x80).expect("a short value");
    [&[number << 3 | 2, length], value].concat()
}

/// A running fake server. It and its connections end with its owner.
#[derive(Debug)]
pub struct FakeServer {
    task: tokio::task::JoinHandle<()>,
    used: Arc<AtomicU64>,
}

impl FakeServer {
    /// Takes the place of the server at `socket`.
    ///
    /// # Panics
    /// When the socket cannot be bound.
    #[must_use]
    pub fn at(socket: &Path, fake: FakeAnswer) -> FakeServer {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).expect("the test owns the socket's directory");
        let used: Arc<AtomicU64> = Arc::default();
        let counted = used.clone();
        let task = tokio::spawn(async move {
            // A set, so that the connections end with the fake server: otherwise Envoy would go on using them.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(pretend(stream, fake, counted.clone()));
            }
        });
        FakeServer { task, used }
    }

    /// How often it has answered, or failed to answer. A fault that never happened shows nothing.
    #[must_use]
    pub fn times_used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pretend(mut stream: UnixStream, fake: FakeAnswer, used: Arc<AtomicU64>) {
    match fake {
        FakeAnswer::GarbageBytes(seed) => {
            used.fetch_add(1, Ordering::Relaxed);
            // Envoy may close the connection before it has read everything.
            let _ = stream.write_all(&noise(seed, 4096)).await;
        }
        FakeAnswer::HangUp => {
            let _ = stream.readable().await;
            used.fetch_add(1, Ordering::Relaxed);
        }
        FakeAnswer::GrpcStatus(_)
        | FakeAnswer::HttpStatus(_)
        | FakeAnswer::EmptyCheckResponse
        | FakeAnswer::GarbageMessage
        | FakeAnswer::Oversized(_)
        | FakeAnswer::Silence
        | FakeAnswer::LateAllow(_) => {
            let service = service_fn(move |request| answer(request, fake, used.clone()));
            let _ = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    }
}

type FakeBody = http_body_util::combinators::BoxBody<Bytes, Infallible>;

async fn answer(
    request: Request<Incoming>,
    fake: FakeAnswer,
    used: Arc<AtomicU64>,
) -> Result<Response<FakeBody>, Infallible> {
    let _ = request.into_body().collect().await;
    used.fetch_add(1, Ordering::Relaxed);
    Ok(match fake {
        FakeAnswer::HttpStatus(status) => {
            Response::builder().status(status).body(Full::new(Bytes::new()).boxed()).expect("a valid status")
        }
        FakeAnswer::GrpcStatus(status) => grpc(Bytes::new(), status),
        FakeAnswer::EmptyCheckResponse => grpc(frame(&[]), 0),
        FakeAnswer::GarbageMessage => grpc(frame(&[0xff; 64]), 0),
        FakeAnswer::Oversized(megabytes) => grpc(frame(&vec![0x0a; megabytes << 20]), 0),
        FakeAnswer::LateAllow(late) => {
            tokio::time::sleep(late).await;
            // CheckResponse {status {}, ok_response {}}
            grpc(frame(&[0x0a, 0, 0x1a, 0]), 0)
        }
        FakeAnswer::Silence | FakeAnswer::GarbageBytes(_) | FakeAnswer::HangUp => {
            std::future::pending().await
        }
    })
}

/// A gRPC response: the messages, then the status in the trailers.
fn grpc(messages: Bytes, status: u8) -> Response<FakeBody> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", u16::from(status).into());
    let body = Full::new(messages).with_trailers(std::future::ready(Some(Ok(trailers)))).boxed();
    Response::builder()
        .header("content-type", "application/grpc")
        .body(body)
        .expect("the headers are well-formed")
}

/// Bytes without a meaning, always the same for one seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    std::iter::repeat_with(|| random.word().to_le_bytes()).flatten().take(length).collect()
}

/// One uncompressed gRPC message: a zero byte, the length, the message.
fn frame(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("a message of less than 4 GiB");
    let mut framed = vec![0];
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}
