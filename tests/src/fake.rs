//! Servers that stand where ours should and answer as ours never would: how else could Envoy's part be seen?

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// What a fake answers to every check.
#[derive(Clone, Copy, Debug)]
pub enum Fake {
    /// A gRPC status and no message.
    GrpcStatus(u8),
    /// HTTP with this status, and nothing of gRPC.
    HttpStatus(u16),
    /// A whole and successful `CheckResponse` with nothing in it.
    EmptyCheckResponse,
    /// A message whose bytes are no `CheckResponse`.
    GarbageMessage,
    /// Bytes that are not even HTTP/2, grown from this seed.
    GarbageBytes(u64),
    /// A message of so many megabytes, which is more than Envoy takes.
    Oversized(usize),
    /// Nothing, ever.
    Silence,
    /// An allow, but only after so long: more than Envoy waits.
    LateAllow(Duration),
    /// The connection closed as soon as a check arrives.
    HangUp,
}

/// A running fake; it ends with its owner, and its connections with it.
#[derive(Debug)]
pub struct FakeCourt {
    task: tokio::task::JoinHandle<()>,
    exerted: Arc<AtomicU64>,
}

impl FakeCourt {
    /// Takes the place of the server at `socket`.
    ///
    /// # Panics
    /// When the socket cannot be bound.
    #[must_use]
    pub fn at(socket: &Path, fake: Fake) -> FakeCourt {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).expect("the socket's directory is ours");
        let exerted: Arc<AtomicU64> = Arc::default();
        let counted = exerted.clone();
        let task = tokio::spawn(async move {
            // A set, so that its connections end with the fake: Envoy would go on asking them.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(pretend(stream, fake, counted.clone()));
            }
        });
        FakeCourt { task, exerted }
    }

    /// How often it has done what it is for. A fault that never fired shows nothing.
    #[must_use]
    pub fn times_exerted(&self) -> u64 {
        self.exerted.load(Ordering::Relaxed)
    }
}

impl Drop for FakeCourt {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pretend(mut stream: UnixStream, fake: Fake, exerted: Arc<AtomicU64>) {
    match fake {
        Fake::GarbageBytes(seed) => {
            exerted.fetch_add(1, Ordering::Relaxed);
            // Envoy may well close before it has all of it.
            let _ = stream.write_all(&noise(seed, 4096)).await;
        }
        Fake::HangUp => {
            let _ = stream.readable().await;
            exerted.fetch_add(1, Ordering::Relaxed);
        }
        Fake::GrpcStatus(_)
        | Fake::HttpStatus(_)
        | Fake::EmptyCheckResponse
        | Fake::GarbageMessage
        | Fake::Oversized(_)
        | Fake::Silence
        | Fake::LateAllow(_) => {
            let service = service_fn(move |request| answer(request, fake, exerted.clone()));
            let _ = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    }
}

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;

async fn answer(
    request: Request<Incoming>,
    fake: Fake,
    exerted: Arc<AtomicU64>,
) -> Result<Response<Body>, Infallible> {
    let _ = request.into_body().collect().await;
    exerted.fetch_add(1, Ordering::Relaxed);
    Ok(match fake {
        Fake::HttpStatus(status) => Response::builder()
            .status(status)
            .body(Full::new(Bytes::new()).boxed())
            .expect("a status is a status"),
        Fake::GrpcStatus(status) => grpc(Bytes::new(), status),
        Fake::EmptyCheckResponse => grpc(frame(&[]), 0),
        Fake::GarbageMessage => grpc(frame(&[0xff; 64]), 0),
        Fake::Oversized(megabytes) => grpc(frame(&vec![0x0a; megabytes << 20]), 0),
        Fake::LateAllow(late) => {
            tokio::time::sleep(late).await;
            // CheckResponse {status {}, ok_response {}}
            grpc(frame(&[0x0a, 0, 0x1a, 0]), 0)
        }
        Fake::Silence | Fake::GarbageBytes(_) | Fake::HangUp => std::future::pending().await,
    })
}

/// A gRPC answer: the messages, then the status in the trailers.
fn grpc(messages: Bytes, status: u8) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", u16::from(status).into());
    let body = Full::new(messages).with_trailers(std::future::ready(Some(Ok(trailers)))).boxed();
    Response::builder()
        .header("content-type", "application/grpc")
        .body(body)
        .expect("the headers are well-formed")
}

/// Bytes without meaning, always the same for one seed (splitmix64).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let word = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    };
    std::iter::repeat_with(word).flatten().take(length).collect()
}

/// One uncompressed gRPC message: a zero byte, the length, the message.
fn frame(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("a message of less than 4 GiB");
    let mut framed = vec![0];
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}
