//! Methods and versions.

use super::request::{Row, denied, executed, plain, refused, request, row};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for method in ["HEAD", "DELETE", "OPTIONS", "TRACE", "PATCH", "PUT", "POST", "PURGE"] {
        let request = request(method, "/hello/you");
        rows.push(row(format!("the method {method}"), request, executed(method, "/hello/you")));
    }
    for method in ["MKCOL", "PROPFIND", "LINK"] {
        let request = request(method, "/hello/you");
        rows.push(row(format!("the method {method}"), request, denied(403, "outside-warrant")));
    }
    for method in [
        "get", "Get", "GETS", "UNKNOWN", "M-SEARCH", "GE T", "G\u{e9}T", "GET\0", "\"GET\"", "GET,", "(GET)",
        "GET:", " GET", "",
    ] {
        let line = format!("{method} /hello/you HTTP/1.1");
        rows.push(row(format!("the method {:?}", method), plain().line(line), refused(400)));
    }
    for (version, status) in [
        ("HTTP/1.0", 426),
        ("HTTP/0.9", 426),
        ("HTTP/1.2", 426),
        ("HTTP/2.0", 426),
        ("HTTP/3", 400),
        ("http/1.1", 400),
        ("HTTP/1.1.1", 400),
        ("HTTP/01.1", 400),
        ("HTTPS/1.1", 400),
        ("HTTP/1", 400),
        ("HTTP", 400),
    ] {
        let line = format!("GET /hello/you {version}");
        rows.push(row(format!("the version {version}"), plain().line(line), refused(status)));
    }
    rows.push(row("a request without a version", plain().line("GET /hello/you"), refused(426)));
    rows
}
