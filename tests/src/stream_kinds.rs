//! Streams of all kinds, as clients open them: downloads, uploads, server-sent events, gRPC and WebSocket, over HTTP/1.1 and
//! HTTP/2, busy and idle, with and without the head of an answer.

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::interval;
use warrant::Denial;

use crate::client::{ClientRequest, ClientResponse, EndedStream, Unanswered, run_stream};
use crate::endless::{EndlessBody, PULSE};
use crate::raw;

/// A kind of stream that never ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamKind {
    pub name: &'static str,
    protocol: Protocol,
    /// The last segment of its path: what the upstream does.
    asks_for: &'static str,
    sends: Sends,
    /// The upstream begins an answer.
    pub is_answered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
    Grpc,
    WebSocket,
}

/// What a client sends behind the head of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sends {
    Nothing,
    Once,
    Always,
}

impl StreamKind {
    /// Every kind.
    pub const ALL: [StreamKind; 16] = {
        use Protocol::{Grpc, Http1, Http2, WebSocket};
        use Sends::{Always, Nothing, Once};
        [
            StreamKind::answered("a download", Http1, "stream", Nothing),
            StreamKind::answered("a download over HTTP/2", Http2, "stream", Nothing),
            StreamKind::answered("an idle download", Http1, "idle", Nothing),
            StreamKind::answered("an idle download over HTTP/2", Http2, "idle", Nothing),
            StreamKind::unanswered("a request without an answer", Http1, "silence", Nothing),
            StreamKind::unanswered("a request without an answer over HTTP/2", Http2, "silence", Nothing),
            StreamKind::unanswered("an upload", Http1, "upload", Always),
            StreamKind::unanswered("an upload over HTTP/2", Http2, "upload", Always),
            StreamKind::unanswered("an idle upload", Http1, "upload", Once),
            StreamKind::answered("server-sent events", Http1, "events", Nothing),
            StreamKind::answered("server-sent events over HTTP/2", Http2, "events", Nothing),
            StreamKind::answered("gRPC in both directions", Grpc, "grpc", Always),
            StreamKind::answered("idle gRPC in both directions", Grpc, "grpc", Once),
            StreamKind::unanswered("gRPC without an answer", Grpc, "silence", Always),
            StreamKind::answered("a WebSocket", WebSocket, "socket", Always),
            StreamKind::answered("an idle WebSocket", WebSocket, "socket", Nothing),
        ]
    };

    const fn answered(name: &'static str, protocol: Protocol, asks_for: &'static str, sends: Sends) -> Self {
        StreamKind { name, protocol, asks_for, sends, is_answered: true }
    }

    const fn unanswered(
        name: &'static str,
        protocol: Protocol,
        asks_for: &'static str,
        sends: Sends,
    ) -> Self {
        StreamKind { name, protocol, asks_for, sends, is_answered: false }
    }

    /// Its request below this path, without a warrant.
    #[must_use]
    pub fn request(&self, host: &str, below: &str) -> ClientRequest {
        let sends_body = matches!(self.protocol, Protocol::Grpc) || self.asks_for == "upload";
        let method = if sends_body { "POST" } else { "GET" };
        let request = ClientRequest::new(method, host, &format!("{below}/{}", self.asks_for));
        match self.protocol {
            Protocol::Http1 | Protocol::Http2 => request,
            Protocol::Grpc => request.with("content-type", "application/grpc").with("te", "trailers"),
            Protocol::WebSocket => request
                .with("upgrade", "websocket")
                .with("sec-websocket-version", "13")
                .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        }
    }

    /// Opens the stream over a connection of its own, and reads until it ends, however it ends. Calls `begun` when the head of an
    /// answer is here. How long it may run is up to the caller: many streams take a while to be opened.
    pub async fn run<S>(&self, request: &ClientRequest, connection: S, begun: impl FnOnce()) -> EndedStream
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let owner = TaskOwner::default();
        match self.protocol {
            Protocol::Http1 => {
                run_stream(over_http1(request, self.body(), connection, &owner.0), begun).await
            }
            Protocol::Http2 | Protocol::Grpc => {
                run_stream(over_http2(request, self.body(), connection, &owner.0), begun).await
            }
            Protocol::WebSocket => self.run_web_socket(request, connection, begun).await,
        }
    }

    fn body(&self) -> SentBody {
        // gRPC frames a message: not compressed, its length, and itself.
        let piece = match self.protocol {
            Protocol::Grpc => Bytes::from_static(b"\x00\x00\x00\x00\x05go on"),
            Protocol::Http1 | Protocol::Http2 | Protocol::WebSocket => Bytes::from_static(b"go on\n"),
        };
        match self.sends {
            Sends::Nothing => Either::Left(Full::default()),
            Sends::Once => Either::Right(EndlessBody::idle(piece)),
            Sends::Always => Either::Right(EndlessBody::busy(piece)),
        }
    }

    /// Asserts that the stream was ended for this reason: with an answer that says so, or in the middle of its answer.
    ///
    /// # Panics
    /// When it ended in another way.
    pub fn assert_ended_by(&self, ended: &EndedStream, denial: Denial) {
        let name = self.name;
        let answer = ended.response.as_ref().unwrap_or_else(|| panic!("{name}: no answer: {ended:?}"));
        if self.is_answered {
            let begun = if self.protocol == Protocol::WebSocket { 101 } else { 200 };
            assert!(answer.status == begun && ended.broke_off, "{name}: {ended:?}");
            let is_quiet = self.protocol == Protocol::WebSocket && self.sends == Sends::Nothing;
            assert_eq!(answer.body.is_empty(), is_quiet, "{name}: {ended:?}");
        } else if self.protocol == Protocol::Grpc {
            let status = answer.headers.get("grpc-status").and_then(|status| status.to_str().ok());
            assert_eq!((answer.status, status), (200, Some(grpc_status(denial))), "{name}: {ended:?}");
        } else {
            let code = answer.code();
            assert_eq!((answer.status, code.as_deref()), (denial.status(), Some(denial.code())), "{name}");
        }
    }

    async fn run_web_socket<S>(
        &self,
        request: &ClientRequest,
        mut connection: S,
        begun: impl FnOnce(),
    ) -> EndedStream
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let started = Instant::now();
        let mut begun = Some(begun);
        let (mut received, mut pulse) = (Vec::new(), interval(PULSE));
        let run = async {
            let head = String::from_utf8(raw::bytes_of(request)).expect("a head is text");
            let head = head.replace("connection: close\r\n", "connection: upgrade\r\n");
            connection.write_all(head.as_bytes()).await?;
            loop {
                tokio::select! {
                    read = connection.read_buf(&mut received) => if read? == 0 { return Ok(()) },
                    _ = pulse.tick(), if begun.is_none() && self.sends == Sends::Always => {
                        connection.write_all(MASKED_TEXT).await?;
                    }
                }
                if end_of_head(&received).is_some()
                    && let Some(begun) = begun.take()
                {
                    begun();
                }
            }
        };
        // An end by reset is an end too.
        let _: std::io::Result<()> = run.await;
        let response = end_of_head(&received).map(|end| {
            let (status, headers) = raw::head(&received[..end]);
            ClientResponse { status, headers, body: Bytes::copy_from_slice(&received[end + 4..]) }
        });
        // Nobody here sends a frame that closes a WebSocket.
        EndedStream { response, broke_off: true, after: started.elapsed(), at: Instant::now() }
    }
}

type SentBody = Either<Full<Bytes>, EndlessBody>;

/// A text frame of a WebSocket as a client sends it, with a mask of zeroes.
const MASKED_TEXT: &[u8] = b"\x81\x82\0\0\0\0go";

async fn over_http1<S>(
    request: &ClientRequest,
    body: SentBody,
    connection: S,
    tasks: &Tasks,
) -> Result<Response<Incoming>, Unanswered>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await?;
    tasks.execute(connection);
    Ok(sender.send_request(request.to_http()?.map(|_| body)).await?)
}

async fn over_http2<S>(
    request: &ClientRequest,
    body: SentBody,
    connection: S,
    tasks: &Tasks,
) -> Result<Response<Incoming>, Unanswered>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http2::handshake(tasks.clone(), TokioIo::new(connection)).await?;
    tasks.execute(connection);
    let (mut head, _) = request.to_http()?.into_parts();
    head.uri = format!("http://{}{}", request.host, request.target).parse()?;
    head.headers.remove("host");
    Ok(sender.send_request(Request::from_parts(head, body)).await?)
}

/// The tasks of one connection.
#[derive(Clone, Debug, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.lock().unwrap().spawn(async {
            task.await;
        });
    }
}

/// Ends the tasks with itself, also when nobody waits for the stream any more: otherwise a body without an end would keep its
/// connection open.
#[derive(Debug, Default)]
struct TaskOwner(Tasks);

impl Drop for TaskOwner {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().abort_all();
    }
}

/// Where the empty line is.
fn end_of_head(received: &[u8]) -> Option<usize> {
    received.windows(4).position(|four| four == b"\r\n\r\n")
}

/// gRPC has statuses of its own, and Envoy chooses one by the status of HTTP.
fn grpc_status(denial: Denial) -> &'static str {
    match denial.status() {
        401 => "16",
        403 => "7",
        503 => "14",
        other => panic!("{denial}: no status of gRPC for {other}"),
    }
}
