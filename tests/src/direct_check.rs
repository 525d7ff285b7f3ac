//! Checks that are sent to the server directly, as Envoy would never send them. It knows just enough of protobuf to write a
//! `CheckRequest` and to read what the answer is.

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::path::Path;
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

/// Asks the server about a request, in the place of a proxy. Returns the denial's code; `None` for an allow.
///
/// # Panics
/// When there is no answer, or it is neither.
pub async fn check(socket: &Path, source: Source<'_>, request: &ClientRequest) -> Option<String> {
    let answer = tokio::time::timeout(LONGEST_WAIT, ask(socket, source, request)).await;
    let answer = answer.unwrap_or_else(|_| panic!("no answer within {LONGEST_WAIT:?}"));
    // CheckResponse {status = 1, denied_response = 2, ok_response = 3}
    let fields = fields(&answer);
    if fields.iter().any(|(number, _)| *number == 3) {
        return None;
    }
    let (_, denied) = fields.iter().find(|(number, _)| *number == 2).expect("an allow or a denial");
    // DeniedHttpResponse {status = 1, headers = 2, body = 3}
    let (_, body) = self::fields(denied).into_iter().find(|(number, _)| *number == 3).expect("a body");
    let problem: serde_json::Value = serde_json::from_slice(body).expect("problem JSON");
    Some(problem["code"].as_str().expect("a code").to_owned())
}

async fn ask(socket: &Path, source: Source<'_>, request: &ClientRequest) -> Vec<u8> {
    let stream = UnixStream::connect(socket).await.expect("the server listens");
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.expect("the server speaks HTTP/2");
    let connection = tokio::spawn(connection);
    let message = check_request(source, request);
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    let framed = [&[0][..], &length, &message].concat();
    let call = Request::post("http://localhost/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(framed)))
        .expect("a request");
    let answer = sender.send_request(call).await.expect("an answer");
    let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
    connection.abort();
    body.get(5..).expect("one message").to_vec()
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
