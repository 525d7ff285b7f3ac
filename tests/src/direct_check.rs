//! Checks that are sent to the server directly, as Envoy would never send them. It knows just enough of protobuf to write a
//! `CheckRequest` and to read what the answer is.

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::{Body, Bytes, Frame};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use crate::client::ClientRequest;
use crate::condition::LONGEST_WAIT;

/// What a proxy says about the client of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source<'a> {
    pub principal: &'a str,
    /// Its certificate in PEM.
    pub certificate: &'a str,
    /// The service that the client says it is.
    pub service: &'a str,
}

/// A proxy's connection to the server. Clones share it.
#[derive(Clone, Debug)]
pub struct ProxyConnection(http2::SendRequest<SentBody>);

impl ProxyConnection {
    /// # Panics
    /// When the server does not speak HTTP/2.
    pub async fn over<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> ProxyConnection {
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = handshake.expect("the server speaks HTTP/2");
        // It ends with the last clone.
        tokio::spawn(async move {
            if let Err(why) = connection.await {
                eprintln!("a proxy's connection ended: {why:?}");
            }
        });
        ProxyConnection(sender)
    }

    /// # Panics
    /// When the server does not listen.
    pub async fn to(socket: &Path) -> ProxyConnection {
        ProxyConnection::over(UnixStream::connect(socket).await.expect("the server listens")).await
    }

    /// Asks about a request in the form of [`framed`]. Returns the denial's code; `None` for an allow.
    ///
    /// # Panics
    /// When the connection ends, or the answer is neither.
    pub async fn ask(&mut self, framed: Bytes) -> Option<String> {
        denial(&self.pass_on(framed).await)
    }

    /// The same with the bytes of the answer, a `CheckResponse`.
    ///
    /// # Panics
    /// When the connection ends.
    pub async fn pass_on(&mut self, framed: Bytes) -> Bytes {
        let answer = self.0.send_request(call(framed)).await.expect("an answer");
        let mut body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
        assert!(body.len() > 5, "one message");
        body.split_off(5)
    }

    /// Gets a page of the listener for proxies: the status and the body.
    ///
    /// # Panics
    /// When the connection ends.
    pub async fn get(&mut self, target: &str) -> (u16, Bytes) {
        let request = Request::get(format!("http://localhost{target}"));
        let request = request.body(SentBody::Whole(Full::default())).expect("a request");
        let answer = self.0.send_request(request).await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.expect("a whole answer").to_bytes())
    }

    /// Begins a check and never ends it. Returns the denial's code, or `None` if there is no answer: the server may end.
    ///
    /// # Panics
    /// When the answer is not a denial.
    pub fn ask_without_end(&self) -> impl Future<Output = Option<String>> + Send + 'static {
        let mut sender = self.0.clone();
        async move {
            let answer = sender.send_request(call_with(SentBody::Endless)).await.ok()?;
            let body = answer.into_body().collect().await.ok()?.to_bytes();
            Some(denial(body.get(5..)?).expect("a denial"))
        }
    }
}

/// The body of a check.
#[derive(Debug)]
enum SentBody {
    Whole(Full<Bytes>),
    Endless,
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            SentBody::Whole(body) => Pin::new(body).poll_frame(context),
            SentBody::Endless => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            SentBody::Whole(body) => body.is_end_stream(),
            SentBody::Endless => false,
        }
    }
}

/// Asks the server about a request, in the place of a proxy. Returns the denial's code; `None` for an allow.
///
/// # Panics
/// When there is no answer, or it is neither.
pub async fn check(socket: &Path, source: Source<'_>, request: &ClientRequest) -> Option<String> {
    let mut connection = ProxyConnection::to(socket).await;
    let answer = tokio::time::timeout(LONGEST_WAIT, connection.ask(framed(source, request))).await;
    answer.unwrap_or_else(|_| panic!("no answer within {LONGEST_WAIT:?}"))
}

/// The denial's code in a `CheckResponse`; `None` for an allow.
fn denial(answer: &[u8]) -> Option<String> {
    // CheckResponse {status = 1, denied_response = 2, ok_response = 3}
    let fields = fields(answer);
    if fields.iter().any(|(number, _)| *number == 3) {
        return None;
    }
    let (_, denied) = fields.iter().find(|(number, _)| *number == 2).expect("an allow or a denial");
    // DeniedHttpResponse {status = 1, headers = 2, body = 3}
    let (_, body) = self::fields(denied).into_iter().find(|(number, _)| *number == 3).expect("a body");
    let problem: serde_json::Value = serde_json::from_slice(body).expect("problem JSON");
    Some(problem["code"].as_str().expect("a code").to_owned())
}

/// The call for a message of [`framed`].
fn call(framed: Bytes) -> Request<SentBody> {
    call_with(SentBody::Whole(Full::new(framed)))
}

fn call_with(body: SentBody) -> Request<SentBody> {
    Request::post("http://localhost/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .expect("a request")
}

/// The `CheckRequest` as a gRPC message with its length.
///
/// # Panics
/// When it is longer than 4 GB.
#[must_use]
pub fn framed(source: Source<'_>, request: &ClientRequest) -> Bytes {
    let message = check_request(source, request);
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    Bytes::from([&[0][..], &length, &message].concat())
}

fn check_request(source: Source<'_>, request: &ClientRequest) -> Vec<u8> {
    let text = |number, text: &str| field(number, text.as_bytes());
    // AttributeContext.Peer {service = 2, principal = 4, certificate = 5}
    let peer =
        [text(2, source.service), text(4, source.principal), text(5, &url_encoded(source.certificate))]
            .concat();
    // AttributeContext.HttpRequest {method = 2, headers = 3 (a map), path = 4, host = 5}
    let mut http = [text(2, &request.method), text(4, &request.target), text(5, &request.host)].concat();
    for (name, value) in &request.headers {
        http.extend(field(3, &[text(1, name), text(2, value)].concat()));
    }
    // AttributeContext {source = 1, request = 4}; Request {http = 2}; CheckRequest {attributes = 1}
    field(1, &[field(1, &peer), field(4, &field(2, &http))].concat())
}

/// A field whose value has a length; nothing if that is 0.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    if value.is_empty() {
        return Vec::new();
    }
    let mut written = vec![number << 3 | 2];
    let mut length = value.len();
    while length >= 128 {
        written.push(u8::try_from(length % 128).expect("7 bits") | 128);
        length /= 128;
    }
    written.push(u8::try_from(length).expect("7 bits"));
    written.extend_from_slice(value);
    written
}

/// The fields of a message that have a length, by their numbers.
fn fields(mut message: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let [tag, rest @ ..] = message {
        let (value, rest) = number(rest);
        match tag & 7 {
            0 => message = rest,
            2 => {
                found.push((tag >> 3, &rest[..value]));
                message = &rest[value..];
            }
            other => panic!("wire type {other}"),
        }
    }
    found
}

fn number(message: &[u8]) -> (usize, &[u8]) {
    let length = message.iter().take_while(|byte| **byte >= 128).count() + 1;
    let bits = |value: usize, byte: &u8| value << 7 | usize::from(byte & 127);
    (message[..length].iter().rev().fold(0, bits), &message[length..])
}

/// As Envoy encodes a certificate.
fn url_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encoded).collect()
}
