//! The authority, written in every odd way.

use super::request::{Row, denied, executed, plain, refused, row};
use portcullis_tests::world::HOST;

pub(super) fn rows() -> Vec<Row> {
    let you = || executed("GET", "/hello/you");
    let misdirected = || denied(421, "target-mismatch");
    let mut rows = vec![
        row("Host twice", plain().with(format!("Host: {HOST}")), misdirected()),
        row("Host twice, the second another one", plain().with("Host: elsewhere"), misdirected()),
        row("Host twice, the first another one", plain().with_first("Host: elsewhere"), misdirected()),
        row("no Host", plain().without("Host"), refused(400)),
        row(
            "a space before the colon of Host",
            plain().instead_of("Host", format!("Host : {HOST}")),
            refused(400),
        ),
        row("Host in a fold", plain().instead_of("Host", format!("Host:\r\n {HOST}")), you()),
    ];
    for host in ["localhost", "LOCALHOST:10000", "LocalHost", "127.0.0.1:10000"] {
        let request = plain().instead_of("Host", format!("Host: {host}")).proves_host(host);
        rows.push(row(format!("Host: {host}"), request, you()));
    }
    for host in [
        "elsewhere",
        "localhost:80",
        "localhost:443",
        "localhost:010000",
        "localhost:",
        "localhost.",
        "localhost.:10000",
        "localhost:100000",
        "localhost:99999",
        "localhost:-1",
        "localhost:10000:10000",
        "127.1:10000",
        "2130706433",
        "xlocalhost:10000",
        "localhost:10000.elsewhere",
        "localhost%3A10000",
        "",
        "user@localhost:10000",
        "localhost:10000@elsewhere",
        "localhost:10000,elsewhere",
        "[::1]:10000",
        "[localhost]:10000",
        "localhost:10000;x",
        "*",
    ] {
        let request = plain().instead_of("Host", format!("Host: {host}")).proves_host(host);
        rows.push(row(format!("Host: {host}"), request, misdirected()));
    }
    for host in [
        "localhost:10000/x",
        "localhost:10000?x",
        "localhost:10000#x",
        "localhost:10000\\x",
        "localhost:10000, elsewhere",
        "local host:10000",
        "localhost:10000 elsewhere",
        "http://localhost:10000",
        "localhost:1000\u{660}",
    ] {
        let request = plain().instead_of("Host", format!("Host: {host}")).proves_host(host);
        rows.push(row(format!("Host: {host}"), request, refused(400)));
    }
    rows.push(row("Host with byte 0xff", plain().instead_of("Host", b"Host: localhost\xff"), refused(400)));
    rows
}
