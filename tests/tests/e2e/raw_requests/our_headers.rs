//! Headers of ours, written in every odd way, and headers that could remove or overwrite them.

use super::request::{Row, ambiguous, denied, executed, plain, refused, request, row};

pub(super) fn rows() -> Vec<Row> {
    [once_each(), forms_of_a_warrant(), forms_of_a_proof(), others()].into_iter().flatten().collect()
}

fn you() -> super::Expected {
    executed("GET", "/hello/you")
}

/// What holds for both headers in the same way.
fn once_each() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, value) in [("Warrant", "{warrant}"), ("Warrant-Proof", "{proof}")] {
        let lower = name.to_ascii_lowercase();
        for (what, lines) in [
            ("twice", format!("{name}: {value}\r\n{name}: {value}")),
            ("twice, the second empty", format!("{name}: {value}\r\n{name}:")),
            ("twice, the first empty", format!("{name}:\r\n{name}: {value}")),
            ("twice, in upper and lower case", format!("{}: x\r\n{lower}: {value}", name.to_uppercase())),
            ("twice, another header between", format!("{name}: {value}\r\nAccept: */*\r\n{name}: x")),
            ("three times", format!("{name}: {value}\r\n{name}: {value}\r\n{name}: {value}")),
            ("joined with a comma", format!("{name}: {value},{value}")),
            ("joined with a comma and a space", format!("{name}: {value}, {value}")),
            ("a comma after it", format!("{name}: {value},")),
            ("a comma before it", format!("{name}: ,{value}")),
            ("only a comma", format!("{name}: ,")),
            ("an e with an accent", format!("{name}: {value}é")),
        ] {
            rows.push(row(format!("{name}: {what}"), plain().instead_of(name, lines), ambiguous()));
        }
        for byte in [0x80_u8, 0xe9, 0xff] {
            let line = [name.as_bytes(), b": ", value.as_bytes(), &[byte]].concat();
            rows.push(row(format!("{name}: byte {byte:#x}"), plain().instead_of(name, line), ambiguous()));
        }
        for byte in [0_u8, 0x01, 0x0b, 0x1b, 0x7f, b'\n'] {
            let line = [name.as_bytes(), b": ", value.as_bytes(), &[byte], b"x"].concat();
            rows.push(row(
                format!("{name}: control {byte:#x}"),
                plain().instead_of(name, line),
                refused(400),
            ));
        }
        // Envoy passes a carriage return inside a value on.
        let line = format!("{name}: {value}\rx");
        let expected =
            if name == "Warrant" { denied(400, "warrant-malformed") } else { denied(401, "proof-invalid") };
        rows.push(row(format!("{name}: a carriage return"), plain().instead_of(name, line), expected));
        for (what, line, expected) in [
            ("in upper case", format!("{}: {value}", name.to_uppercase()), you()),
            ("in lower case", format!("{lower}: {value}"), you()),
            ("spaces around the value", format!("{name}:   {value}  "), you()),
            ("tabs around the value", format!("{name}:\t{value}\t"), you()),
            ("no space after the colon", format!("{name}:{value}"), you()),
            ("a space before the colon", format!("{name} : {value}"), refused(400)),
            ("a tab before the colon", format!("{name}\t: {value}"), refused(400)),
            ("without a colon", format!("{name} {value}"), refused(400)),
            ("with an underscore", format!("{}_x: {value}", name.replace('-', "_")), refused(400)),
        ] {
            rows.push(row(format!("{name}: {what}"), plain().instead_of(name, line), expected));
        }
    }
    rows
}

fn forms_of_a_warrant() -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, value) in [
        ("a space inside", "{warrant} x"),
        ("a tab inside", "{warrant}\tx"),
        ("a trailing separator", "{warrant}~"),
        ("a leading separator", "~{warrant}"),
        ("the same link twice without one between", "{warrant}~~{warrant}"),
        ("padding", "{warrant}="),
        ("in quotes", "\"{warrant}\""),
        ("a scheme", "Bearer {warrant}"),
        ("a parameter", "{warrant};q=1"),
        ("an escape", "{warrant}%20"),
        ("a dot", "{warrant}."),
        ("two lines with a fold", "{warrant}\r\n x"),
        ("one word", "x"),
        ("a star", "*"),
    ] {
        let request = plain().instead_of("Warrant", format!("Warrant: {value}"));
        rows.push(row(format!("a warrant: {what}"), request, denied(400, "warrant-malformed")));
    }
    let long = format!("Warrant: {{warrant}}{}", "~x".repeat(7 * 1024));
    rows.push(row(
        "a warrant of 14 KiB",
        plain().instead_of("Warrant", long),
        denied(400, "warrant-malformed"),
    ));
    let longer = format!("Warrant: {}", "x".repeat(61 * 1024));
    rows.push(row("a warrant of 61 KiB", plain().instead_of("Warrant", longer), refused(431)));
    for (what, line) in [("empty", "Warrant:"), ("spaces", "Warrant:    ")] {
        rows.push(row(
            format!("a warrant: {what}"),
            plain().instead_of("Warrant", line),
            denied(401, "warrant-missing"),
        ));
    }
    rows.push(row("no warrant", plain().without("Warrant"), denied(401, "warrant-missing")));
    rows.push(row(
        "a warrant in Authorization",
        plain().instead_of("Warrant", "Authorization: Warrant {warrant}"),
        denied(401, "warrant-missing"),
    ));
    rows
}

fn forms_of_a_proof() -> Vec<Row> {
    let with = |line: &str| plain().instead_of("Warrant-Proof", line);
    vec![
        row("no proof", plain().without("Warrant-Proof"), denied(401, "proof-missing")),
        row("an empty proof", with("Warrant-Proof:"), denied(401, "proof-missing")),
        row("a proof with a space inside", with("Warrant-Proof: {proof} x"), denied(401, "proof-invalid")),
        row("a proof in quotes", with("Warrant-Proof: \"{proof}\""), denied(401, "proof-invalid")),
        row("a proof with padding", with("Warrant-Proof: {proof}="), denied(401, "proof-invalid")),
        row("a proof of another target", plain().proves("/hello/them"), denied(401, "proof-invalid")),
        row("a proof of another method", plain().proves_method("POST"), denied(403, "outside-warrant")),
        row("a proof of another host", plain().proves_host("localhost"), denied(401, "proof-invalid")),
    ]
}

fn others() -> Vec<Row> {
    let mut rows = Vec::new();
    // Envoy removes the headers that `Connection` names: the server must get the request without them, or not at all.
    for (line, expected) in [
        ("Connection: close, warrant", denied(401, "warrant-missing")),
        ("Connection: close, warrant-proof", denied(401, "proof-missing")),
        ("Connection: close, host", refused(400)),
        ("Connection: close, :path", refused(400)),
    ] {
        rows.push(row(format!("a header {line}"), plain().instead_of("Connection", line), expected));
    }
    for line in ["Connection: close, warrant-decision", "Connection: close, Warrant-Decision, x"] {
        rows.push(row(format!("a header {line}"), plain().instead_of("Connection", line), you()));
    }
    for line in [
        "Keep-Alive: warrant-decision",
        "Proxy-Connection: warrant-decision",
        "Warrant-Decision: made-up",
        "Warrant-Decision: made-up\r\nwarrant-decision: again",
        "WARRANT-DECISION:",
        "Warrant-Denial: none",
        "Warrant-Receipt: made-up",
        "X-Envoy-Auth-Partial-Body: false",
        "X-Envoy-Original-Path: /elsewhere",
        "X-Envoy-Original-Method: POST",
        "X-Envoy-Internal: true",
        "X-HTTP-Method-Override: DELETE",
        "X-Original-URL: /elsewhere",
        "X-Rewrite-URL: /elsewhere",
        "X-Forwarded-Host: elsewhere",
        "X-Forwarded-Client-Cert: URI=spiffe://elsewhere",
        "TE: trailers",
        "Trailer: Warrant-Decision",
    ] {
        rows.push(row(format!("a header {}", line.replace("\r\n", " and ")), plain().with(line), you()));
    }
    for (what, line) in [
        (":path", ":path: /elsewhere"),
        (":authority", ":authority: elsewhere"),
        ("no name", ": x"),
        ("a name with a space", "Warrant Decision: x"),
        ("a name with parentheses", "Warrant(Decision): x"),
        ("a name with a byte that is not ASCII", "Warrant-D\u{e9}cision: x"),
        ("an underscore", "Warrant_Decision: x"),
        ("only an underscore", "_: x"),
    ] {
        rows.push(row(format!("a header with {what}"), plain().with(line), refused(400)));
    }
    rows.push(row("a fold before all headers", plain().with_first(" Warrant: x"), refused(400)));
    let many = (0..101).map(|number| format!("x-{number}: x")).collect::<Vec<_>>().join("\r\n");
    rows.push(row("more than 100 headers", plain().with(many), refused(431)));

    let chunked = request("POST", "/raw/trailers").with("Transfer-Encoding: chunked");
    let trailers = |lines: &str| format!("2\r\nhi\r\n0\r\n{lines}\r\n");
    let posted = executed("POST", "/raw/trailers").body("2\r\nhi\r\n0\r\n\r\n");
    for line in ["Warrant: x\r\n", "Warrant-Decision: x\r\n", "Host: elsewhere\r\n", "Content-Length: 9\r\n"]
    {
        rows.push(row(
            format!("a trailer {}", line.trim()),
            chunked.clone().then(trailers(line)),
            posted.clone(),
        ));
    }
    rows.push(row(
        "a warrant in a trailer only",
        chunked.without("Warrant").then(trailers("Warrant: {warrant}\r\n")),
        denied(401, "warrant-missing"),
    ));
    rows
}
