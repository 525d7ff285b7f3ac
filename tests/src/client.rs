//! The HTTP client of the tests. It opens one connection for each request, so that no request can depend on another. A test
//! with thousands of requests keeps its connections open instead.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::api_document;
use crate::condition::LONGEST_WAIT;

/// The header that tells the upstream which request it executes. Nothing under test reads it.
pub const REQUEST_ID: &str = "x-test-request";

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A request that can be sent, once or several times.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    pub id: String,
    pub method: String,
    pub host: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl ClientRequest {
    /// A request without a warrant, further headers or a body.
    #[must_use]
    pub fn new(method: &str, host: &str, target: &str) -> ClientRequest {
        ClientRequest {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed).to_string(),
            method: method.to_owned(),
            host: host.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> ClientRequest {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sends the request.
    ///
    /// # Errors
    /// When nothing listens there, or the response is not complete within [`LONGEST_WAIT`].
    pub async fn send(&self, to: SocketAddr) -> Result<ClientResponse, Unanswered> {
        tokio::time::timeout(LONGEST_WAIT, self.exchange(to)).await?
    }

    async fn exchange(&self, to: SocketAddr) -> Result<ClientResponse, Unanswered> {
        Connection::new(to).exchange(self).await
    }

    /// Sends the request, and reads its answer until it ends, however it ends. `None` for the status if it ends before an answer
    /// has begun.
    ///
    /// # Panics
    /// When the stream is still open after twice [`LONGEST_WAIT`]: a statement alone holds for half a minute.
    pub async fn stream(&self, to: SocketAddr) -> EndedStream {
        let answered = async { self.begin_over(TcpStream::connect(to).await?).await };
        within_longest_stream(run_stream(answered, || ())).await
    }

    /// The same over a connection that was opened for it alone.
    ///
    /// # Panics
    /// As [`Self::stream`].
    pub async fn stream_over(&self, stream: TcpStream) -> EndedStream {
        within_longest_stream(run_stream(self.begin_over(stream), || ())).await
    }

    async fn begin_over(&self, stream: TcpStream) -> Result<Response<Incoming>, Unanswered> {
        let mut sender = speak_http(stream).await?;
        Ok(sender.send_request(self.to_http()?).await?)
    }

    /// Sends the request to the API's Unix socket. The answer must be as the API's document says.
    ///
    /// # Errors
    /// When nothing listens there, or the response is not complete within [`LONGEST_WAIT`].
    pub async fn send_to_socket(&self, socket: &Path) -> Result<ClientResponse, Unanswered> {
        let response = self.send_over(UnixStream::connect(socket).await?).await?;
        api_document::check(self, &response);
        Ok(response)
    }

    /// Sends the request over a connection that was opened for it alone.
    ///
    /// # Errors
    /// When the response is not complete within [`LONGEST_WAIT`].
    pub async fn send_over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<ClientResponse, Unanswered> {
        let exchange = async {
            let mut sender = speak_http(stream).await?;
            answer(sender.send_request(self.to_http()?).await?).await
        };
        tokio::time::timeout(LONGEST_WAIT, exchange).await?
    }

    pub(crate) fn to_http(&self) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(&self.target)
            .header("host", &self.host)
            .header(REQUEST_ID, &self.id);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body.clone()))
    }
}

/// A connection that is kept open for the next request. It connects when it is first used, and again after it was closed.
#[derive(Debug)]
pub struct Connection {
    to: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    #[must_use]
    pub fn new(to: SocketAddr) -> Connection {
        Connection { to, sender: None }
    }

    /// Sends the request once. After an error nobody knows whether it arrived.
    ///
    /// # Errors
    /// When nothing listens there, or the response is not complete within [`LONGEST_WAIT`].
    pub async fn send(&mut self, request: &ClientRequest) -> Result<ClientResponse, Unanswered> {
        tokio::time::timeout(LONGEST_WAIT, self.exchange(request)).await?
    }

    async fn exchange(&mut self, request: &ClientRequest) -> Result<ClientResponse, Unanswered> {
        let request = request.to_http()?;
        let open = match self.sender.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let mut sender = match open {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let response = answer(sender.send_request(request).await?).await?;
        self.sender = Some(sender);
        Ok(response)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Unanswered> {
        speak_http(TcpStream::connect(self.to).await?).await
    }
}

/// The end of a stream that must end soon.
///
/// # Panics
/// When it is still open after twice [`LONGEST_WAIT`].
pub async fn within_longest_stream<T>(ended: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONGEST_WAIT * 2, ended).await.expect("the stream ends")
}

/// Reads an answer until it ends. Calls `begun` when its head is here.
pub(crate) async fn run_stream(
    answered: impl Future<Output = Result<Response<Incoming>, Unanswered>>,
    begun: impl FnOnce(),
) -> EndedStream {
    let started = Instant::now();
    let run = async {
        let (head, mut body) = answered.await?.into_parts();
        begun();
        let mut bytes = Vec::new();
        let broke_off = loop {
            match body.frame().await {
                Some(Ok(frame)) => bytes.extend(frame.into_data().unwrap_or_default()),
                Some(Err(_)) => break true,
                None => break false,
            }
        };
        let (status, headers) = (head.status.as_u16(), head.headers);
        Ok::<_, Unanswered>((ClientResponse { status, headers, body: bytes.into() }, broke_off))
    };
    let (response, broke_off) = run.await.map_or((None, true), |(whole, broke)| (Some(whole), broke));
    EndedStream { response, broke_off, after: started.elapsed(), at: Instant::now() }
}

async fn speak_http(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<SendRequest<Full<Bytes>>, Unanswered> {
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn answer(response: Response<Incoming>) -> Result<ClientResponse, Unanswered> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(ClientResponse { status: head.status.as_u16(), headers: head.headers, body })
}

/// How a stream ended.
#[derive(Clone, Debug)]
pub struct EndedStream {
    /// What came of the answer, if it began.
    pub response: Option<ClientResponse>,
    /// It ended without the end of an answer.
    pub broke_off: bool,
    pub after: Duration,
    pub at: Instant,
}

/// Why there was no response.
pub type Unanswered = Box<dyn std::error::Error + Send + Sync>;

/// What the client got back.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl ClientResponse {
    /// The denial's code, if the body is problem JSON with a code.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        let kind = self.headers.get("content-type")?.to_str().ok()?;
        if kind != "application/problem+json" {
            return None;
        }
        let problem: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        problem.get("code")?.as_str().map(str::to_owned)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The response to a plain GET from the API.
pub async fn get_from_socket(socket: &Path, target: &str) -> Option<ClientResponse> {
    ClientRequest::new("GET", "localhost", target).send_to_socket(socket).await.ok()
}

/// The response to a plain GET, for the addresses that operators use (health, metrics, admin).
pub async fn get(to: SocketAddr, target: &str) -> Option<ClientResponse> {
    ClientRequest::new("GET", &to.to_string(), target).send(to).await.ok()
}
