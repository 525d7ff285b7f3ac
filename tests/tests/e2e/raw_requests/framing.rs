//! Where a request ends: lengths, chunks, upgrades, expectations, and several requests on one connection.

use super::request::{RawRequest, Row, executed, plain, refused, request, row};
use portcullis_tests::world::HOST;

/// What must never be executed: it has no warrant, so if it is answered at all, it is a request of its own.
const HIDDEN: &str = "GET /hello/hidden HTTP/1.1\r\nHost: localhost:10000\r\n\r\n";

fn post() -> RawRequest {
    request("POST", "/raw/body")
}

fn posted(body: &str) -> super::Expected {
    executed("POST", "/raw/body").body(body)
}

fn chunked(body: impl AsRef<[u8]>) -> RawRequest {
    post().with("Transfer-Encoding: chunked").then(body)
}

pub(super) fn rows() -> Vec<Row> {
    [lengths(), encodings(), chunks(), upgrades(), several(), lines()].into_iter().flatten().collect()
}

fn lengths() -> Vec<Row> {
    let mut rows = vec![
        row("a body", post().with("Content-Length: 2").then("hi"), posted("hi")),
        row("a body of no bytes", post().with("Content-Length: 0"), posted("")),
        row("no length", post(), posted("")),
        row("a length with zeros before it", post().with("Content-Length: 02").then("hi"), posted("hi")),
        row(
            "a GET with a body",
            plain().with("Content-Length: 2").then("hi"),
            executed("GET", "/hello/you").body("hi"),
        ),
        row("a length in a fold", post().with("Content-Length:\r\n 2").then("hi").then(HIDDEN), posted("hi")),
        row("bytes after the body", post().with("Content-Length: 2").then("hi").then(HIDDEN), posted("hi")),
    ];
    for length in [
        "+2",
        "-2",
        "2 2",
        "0x2",
        "2h",
        "2.0",
        "2e0",
        "two",
        "",
        "2;",
        "18446744073709551618",
        "99999999999999999999999",
        "\u{b2}",
    ] {
        let request = post().with(format!("Content-Length: {length}")).then("hi").then(HIDDEN);
        rows.push(row(format!("the length {length:?}"), request, refused(400)));
    }
    for (what, lines) in [
        ("two equal lengths", "Content-Length: 2\r\nContent-Length: 2"),
        ("two lengths", "Content-Length: 2\r\nContent-Length: 99"),
        ("two lengths, the longer first", "Content-Length: 99\r\nContent-Length: 2"),
        ("two equal lengths in one line", "Content-Length: 2, 2"),
        ("two lengths in one line", "Content-Length: 2, 99"),
        ("a space before the colon of a length", "Content-Length : 2"),
    ] {
        rows.push(row(what, post().with(lines).then("hi").then(HIDDEN), refused(400)));
    }
    rows
}

fn encodings() -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, lines) in [
        ("a length and an encoding", "Content-Length: 7\r\nTransfer-Encoding: chunked"),
        ("an encoding and a length", "Transfer-Encoding: chunked\r\nContent-Length: 7"),
        ("an encoding and a length of 0", "Transfer-Encoding: chunked\r\nContent-Length: 0"),
        ("a length and an unknown encoding", "Content-Length: 7\r\nTransfer-Encoding: xchunked"),
        ("an encoding with a space before its colon", "Transfer-Encoding : chunked"),
        ("an encoding with a vertical tab", "Transfer-Encoding: \u{b}chunked"),
        ("an encoding with NUL", "Transfer-Encoding: chunked\0"),
        ("an encoding with an underscore", "Transfer_Encoding: chunked"),
    ] {
        rows.push(row(what, post().with(lines).then("0\r\n\r\n").then(HIDDEN), refused(400)));
    }
    for encoding in [
        "xchunked",
        "chunked\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-Encoding: identity",
        "chunked, identity",
        "identity, chunked",
        "chunked, chunked",
        "gzip, chunked",
        "gzip",
        "identity",
        "\"chunked\"",
        "chunke",
        "chunked;q=1",
        "",
        ",chunked",
        "chunked,",
    ] {
        let request = post().with(format!("Transfer-Encoding: {encoding}")).then("0\r\n\r\n").then(HIDDEN);
        rows.push(row(format!("the encoding {encoding:?}"), request, refused(501)));
    }
    for encoding in ["Chunked", "CHUNKED", " chunked ", "\tchunked", "\r\n chunked"] {
        let request = post().with(format!("Transfer-Encoding: {encoding}")).then("2\r\nhi\r\n0\r\n\r\n");
        rows.push(row(format!("the encoding {encoding:?}"), request, posted("2\r\nhi\r\n0\r\n\r\n")));
    }
    rows
}

fn chunks() -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, body) in [
        ("a chunk", "2\r\nhi\r\n0\r\n\r\n"),
        ("a chunk whose size has zeros before it", "0002\r\nhi\r\n0\r\n\r\n"),
        ("a chunk with an extension", "2;x=y\r\nhi\r\n0\r\n\r\n"),
        // Envoy reads these, and writes the chunks anew.
        ("a chunk with a blank after its size", "2 2\r\nhi\r\n0\r\n\r\n"),
        ("a chunk with NUL in its extension", "2;\0\r\nhi\r\n0\r\n\r\n"),
        ("bytes after the last chunk", &format!("2\r\nhi\r\n0\r\n\r\n{HIDDEN}")),
    ] {
        rows.push(row(what, chunked(body), posted("2\r\nhi\r\n0\r\n\r\n")));
    }
    rows.push(row(
        "a chunk that is longer than its size",
        chunked("1\r\nhi\r\n0\r\n\r\n"),
        posted("1\r\nh\r\n0\r\n\r\n"),
    ));
    for size in ["g", "-2", "+2", "0x2", " 2", "2h", "", "FFFFFFFFFFFFFFFFF", "2\u{b}", "2\n"] {
        let request = chunked(format!("{size}\r\nhi\r\n0\r\n\r\n{HIDDEN}"));
        rows.push(row(format!("a chunk of the size {size:?}"), request, refused(400)));
    }
    for (what, body) in [
        ("a chunk with no end of line", "2\r\nhi0\r\n\r\n"),
        ("a chunk with only a line feed", "2\nhi\n0\n\n"),
        ("a chunk with only a carriage return", "2\rhi\r0\r\r"),
    ] {
        rows.push(row(what, chunked(body).then(HIDDEN), refused(400)));
    }
    rows
}

fn upgrades() -> Vec<Row> {
    let you = || executed("GET", "/hello/you");
    let upgrade = |to: &str| {
        plain()
            .instead_of("Connection", "Connection: Upgrade")
            .with(format!("Upgrade: {to}"))
            .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
            .with("Sec-WebSocket-Version: 13")
    };
    let h2c = || upgrade("h2c").with("HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA");
    vec![
        row("an upgrade to a WebSocket", upgrade("websocket"), refused(403)),
        row("an upgrade to a WebSocket in upper case", upgrade("WebSocket"), refused(403)),
        row("an upgrade to two protocols", upgrade("websocket, h2c"), refused(403)),
        row("an upgrade to TLS", upgrade("TLS/1.0"), refused(403)),
        row("an upgrade to an unknown protocol", upgrade("x"), refused(403)),
        row("an upgrade to HTTP/2", h2c(), you()),
        row("Upgrade without Connection", plain().with("Upgrade: websocket"), you()),
        row(
            "100-continue",
            post().with("Content-Length: 2").with("Expect: 100-continue").then("hi"),
            refused(100).and(posted("hi")).body("hi"),
        ),
        row(
            "100-continue in upper case",
            post().with("Content-Length: 2").with("Expect: 100-CONTINUE").then("hi"),
            refused(100).and(posted("hi")).body("hi"),
        ),
        row(
            "another expectation",
            post().with("Content-Length: 2").with("Expect: 200-ok").then("hi"),
            posted("hi"),
        ),
        row("100-continue without a body", plain().with("Expect: 100-continue"), refused(100).and(you())),
    ]
}

fn several() -> Vec<Row> {
    let open = || plain().without("Connection");
    let second = |target: &str, more: &str| {
        format!(
            "GET {target} HTTP/1.1\r\nHost: {HOST}\r\nWarrant: {{warrant}}\r\nWarrant-Proof: {{proof:{target}}}\r\n{more}\r\n"
        )
    };
    let both = || executed("GET", "/hello/you").and(executed("GET", "/hello/them"));
    vec![
        row("two requests", open().then(second("/hello/them", "Connection: close\r\n")), both()),
        row("two requests, the second without a warrant", open().then(HIDDEN), executed("GET", "/hello/you").and(super::request::denied(401, "warrant-missing"))),
        row("two requests, the first without a warrant", open().without("Warrant").then(second("/hello/them", "Connection: close\r\n")), super::request::denied(401, "warrant-missing").and(executed("GET", "/hello/them"))),
        row("two requests with one proof", open().then(format!("GET /hello/you HTTP/1.1\r\nHost: {HOST}\r\nWarrant: {{warrant}}\r\nWarrant-Proof: {{proof}}\r\nConnection: close\r\n\r\n")), executed("GET", "/hello/you").and(super::request::denied(403, "replayed"))),
        row("a request and bytes without a meaning", open().then("\0\u{1}\u{2}\r\n\r\n"), executed("GET", "/hello/you").and(refused(400))),
        row("a request and an empty line and a request", open().then("\r\n").then(second("/hello/them", "Connection: close\r\n")), both()),
        row("the preface of HTTP/2 after a request", open().then("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), executed("GET", "/hello/you").and(refused(400))),
        row("a request that follows a closing one", plain().then(second("/hello/them", "")), executed("GET", "/hello/you")),
    ]
}

fn lines() -> Vec<Row> {
    let bytes = |ending: &str| {
        let ending = ending.to_owned();
        plain().line(format!("GET /hello/you HTTP/1.1{ending}Host: {HOST}{ending}X: y")).without("Host")
    };
    vec![
        row(
            "an empty line before the request",
            plain().line("\r\nGET /hello/you HTTP/1.1"),
            executed("GET", "/hello/you"),
        ),
        row("lines that end with a line feed", bytes("\n"), executed("GET", "/hello/you")),
        row("lines that end with a carriage return", bytes("\r"), refused(400)),
        row("NUL before the request", plain().line("\0GET /hello/you HTTP/1.1"), refused(400)),
        row("a TLS handshake", plain().line("\u{16}\u{3}\u{1}\u{2}"), refused(400)),
    ]
}
