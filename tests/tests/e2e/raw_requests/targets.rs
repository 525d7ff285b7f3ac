//! Targets: escapes, dot segments, path parameters, and the four forms that a target can have.

use super::request::{
    Expected, RawRequest, Row, ambiguous, denied, executed, get, plain, refused, request, row,
};
use portcullis_tests::world::HOST;

pub(super) fn rows() -> Vec<Row> {
    [escapes(), dots_and_slashes(), queries_and_fragments(), forms()].into_iter().flatten().collect()
}

/// A GET of this target, and what Envoy makes of it before anybody judges it.
fn becomes(target: &str, normalised: &str) -> Row {
    row(format!("GET {target}"), get(target).proves(normalised), executed("GET", normalised))
}

fn is(target: impl AsRef<[u8]>, expected: Expected) -> Row {
    let target = target.as_ref();
    row(format!("GET {}", target.escape_ascii()), get(target), expected)
}

fn escapes() -> Vec<Row> {
    let mut rows = Vec::new();
    for segment in
        ["a%20b", "a%22b", "a%3Ab", "a%40b", "%C3%A9", "%c3%a9", "%F0%9F%98%80", "a:b@c", "a'b", "!$&()*+,="]
    {
        let target = format!("/hello/{segment}");
        rows.push(becomes(&target, &target));
    }
    // Envoy undoes escapes that nothing needs, and escapes what must be escaped. What it makes of them is judged.
    for (segment, normalised) in [
        ("%41dmin", "Admin"),
        ("%61", "a"),
        ("a%7Eb", "a~b"),
        ("a%2Db", "a-b"),
        ("a%5Fb", "a_b"),
        ("a%30", "a0"),
        ("a\"b", "a%22b"),
        ("a<b", "a%3Cb"),
        ("a>b", "a%3Eb"),
        ("a^b", "a%5Eb"),
        ("a`b", "a%60b"),
        ("a{b", "a%7Bb"),
        ("a|b", "a%7Cb"),
        ("a}b", "a%7Db"),
    ] {
        rows.push(becomes(&format!("/hello/{segment}"), &format!("/hello/{normalised}")));
    }
    // Escaped slashes, and bytes that no path may have: refused by Envoy.
    for segment in [
        "a%2Fb",
        "a%2fb",
        "a%5Cb",
        "a%5cb",
        "%2F",
        "%2e%2e%2fadmin",
        "..%2fadmin",
        "..%5cadmin",
        "a%00b",
        "%00",
    ] {
        rows.push(is(format!("/hello/{segment}"), refused(400)));
    }
    for segment in [
        // escaped twice
        "a%252Fb",
        "a%252fb",
        "%252e%252e",
        "a%25b",
        "%25",
        "a%2500",
        "a%255cb",
        // no escape at all
        "%",
        "a%",
        "a%4",
        "a%zz",
        "a%4g",
        "%u0041",
        "%%32%66",
        // control characters, delimiters, and what is no UTF-8
        "a%01b",
        "a%0Ab",
        "a%0Db",
        "a%0D%0Ab",
        "a%7F",
        "a%3Bb",
        "a%3Fb",
        "a%23b",
        "%C0%AF",
        "%c0%ae%c0%ae",
        "%E0%80%AF",
        "%ED%A0%80",
        "%FF",
        "%80",
        "%C2%85",
        "%C3",
        // delimiters that must be escaped, and are not
        "a[b",
        "a]b",
    ] {
        rows.push(is(format!("/hello/{segment}"), ambiguous()));
    }
    for bytes in
        [&b"/hello/\xff"[..], b"/hello/\xc3\xa9", b"/hello/\xc0\xaf", b"/hello/a\x80", b"/\xf0\x9f\x98\x80"]
    {
        rows.push(is(bytes, refused(400)));
    }
    for bytes in [
        &b"/hello/a\x00b"[..],
        b"/hello/a\x01b",
        b"/hello/a\x7fb",
        b"/hello/a\tb",
        b"/hello/a b",
        b"/hello/a\rb",
    ] {
        rows.push(is(bytes, refused(400)));
    }
    rows
}

fn dots_and_slashes() -> Vec<Row> {
    let mut rows = Vec::new();
    for target in [
        "/hello/./you",
        "/./hello/you",
        "/hello/x/../you",
        "/hello/../hello/you",
        "/x/y/../../hello/you",
        "/../hello/you",
        "/../../../hello/you",
        "/hello/%2e/you",
        "/hello/x/%2e%2e/you",
        "/hello/x/.%2e/you",
        "/hello/x/%2E./you",
        "//hello/you",
        "/hello//you",
        "///hello///you",
        "/hello/x/..//you",
        "/hello\\you",
        "/hello/x\\..\\you",
    ] {
        rows.push(becomes(target, "/hello/you"));
    }
    for (target, normalised) in [
        ("/hello/..", "/"),
        ("/hello/.", "/hello/"),
        ("/hello/you/", "/hello/you/"),
        ("/hello/you//", "/hello/you/"),
        ("/hello/...", "/hello/..."),
        ("/hello/a..b", "/hello/a..b"),
        ("/hello/..;/you", "/you"), // for Envoy a dot segment may have a parameter
        ("/hello/.;/you", "/hello/you"),
        ("/", "/"),
    ] {
        rows.push(becomes(target, normalised));
    }
    for target in ["/hello/you;x=1", "/hello;x/you", "/hello/;", "/;/hello/you", "/hello/you;"] {
        rows.push(is(target, ambiguous()));
    }
    rows.push(is("//", ambiguous()));
    rows.push(is("\\hello\\you", refused(400)));
    rows.push(is(
        format!("/hello/{}", "a".repeat(900)),
        executed("GET", &format!("/hello/{}", "a".repeat(900))),
    ));
    rows.push(is(format!("/hello/{}", "a".repeat(62_000)), refused(431)));
    rows
}

fn queries_and_fragments() -> Vec<Row> {
    let undeclared = || denied(403, "outside-warrant");
    let mut rows: Vec<Row> =
        ["/hello/you?x=1", "/hello/you?x=%2F", "/hello/you?/../..", "/hello/you??", "/hello/you?;"]
            .into_iter()
            .map(|target| is(target, undeclared()))
            .collect();
    for target in ["/hello/you#x", "/hello/you#", "/hello#/you", "/hello/you?x#y", "#"] {
        rows.push(is(target, refused(400)));
    }
    rows.push(is(b"/hello/you?\xff", refused(400)));
    rows
}

fn absolute(target: &str) -> RawRequest {
    plain().line(format!("GET {target} HTTP/1.1"))
}

fn forms() -> Vec<Row> {
    let you = || executed("GET", "/hello/you");
    let misdirected = || denied(421, "target-mismatch");
    let at = |authority: &str| format!("http://{authority}/hello/you");
    vec![
        row("absolute form", absolute(&at(HOST)), you()),
        row("absolute form with a scheme in upper case", absolute(&at(HOST).replace("http", "HTTP")), you()),
        row("absolute form with https", absolute(&at(HOST).replace("http", "https")), refused(403)),
        row(
            "absolute form of another host",
            absolute(&at("elsewhere")).proves_host("elsewhere"),
            misdirected(),
        ),
        row(
            "absolute form, and Host is another one",
            absolute(&at(HOST)).instead_of("Host", "Host: elsewhere"),
            you(),
        ),
        row("absolute form, and Host is empty", absolute(&at(HOST)).instead_of("Host", "Host:"), you()),
        row("absolute form without Host", absolute(&at(HOST)).without("Host"), you()),
        row("absolute form with user information", absolute(&at(&format!("user@{HOST}"))), you()),
        row("absolute form with dot segments", absolute(&format!("http://{HOST}/x/../hello/you")), you()),
        row(
            "absolute form without a path",
            absolute(&format!("http://{HOST}")).proves("/"),
            executed("GET", "/"),
        ),
        row(
            "absolute form with a query only",
            absolute(&format!("http://{HOST}?x")).proves("/?x"),
            refused(404),
        ),
        row(
            "absolute form with an escaped host",
            absolute("http://localhost%3A10000/hello/you"),
            refused(400),
        ),
        row("absolute form with an empty host", absolute("http:///hello/you"), refused(400)),
        row("absolute form with one slash", absolute("http:/hello/you"), refused(400)),
        row("absolute form of ftp", absolute(&at(HOST).replace("http", "ftp")), refused(400)),
        row("absolute form of file", absolute("file:///hello/you"), refused(400)),
        row(
            "two absolute forms",
            absolute(&format!("http://{HOST}/http://{HOST}/hello/you"))
                .proves(&format!("/http:/{HOST}/hello/you")),
            executed("GET", &format!("/http:/{HOST}/hello/you")),
        ),
        row("authority form of GET", absolute(HOST), refused(400)),
        row("authority form of CONNECT", request("CONNECT", HOST), ambiguous()),
        row("CONNECT of a path", request("CONNECT", "/hello/you"), refused(400)),
        row("asterisk form of OPTIONS", request("OPTIONS", "*"), refused(404)),
        row("asterisk form of GET", get("*"), refused(400)),
        row("a target without a slash", get("hello/you"), refused(400)),
        row("a target that begins with a dot", get("./hello/you"), refused(400)),
        row("a target that begins with ?", get("?x"), refused(400)),
        row("no target", plain().line("GET  HTTP/1.1"), refused(400)),
        row("no target and no version", plain().line("GET"), refused(400)),
        row("two targets", plain().line("GET /hello/you /hello/them HTTP/1.1"), refused(400)),
        row("two spaces before the target", plain().line("GET  /hello/you HTTP/1.1"), you()),
        row("two spaces after the target", plain().line("GET /hello/you  HTTP/1.1"), you()),
        row("a tab before the target", plain().line("GET\t/hello/you HTTP/1.1"), you()),
        row("a space after the version", plain().line("GET /hello/you HTTP/1.1 "), you()),
    ]
}
