//! I4: what was authorised is what is forwarded. Each row of the tables is one connection with bytes that were written by hand,
//! and what must come back. In every row the upstream gets exactly what is on record as allowed, or nothing.
//!
//! The policy allows every method and every path, and each row has a warrant and a proof for what a lenient reader would make
//! of its bytes. So nothing but the form of the request can be the reason of a denial.

mod framing;
mod hosts;
mod methods;
mod our_headers;
mod request;
mod targets;

use std::collections::{BTreeMap, BTreeSet};

use ledger::Ledger;
use ledger::entry::{Decision, DecisionOutcome, Entry};
use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::raw::RawAnswers;
use portcullis_tests::raw_h2::Field;
use portcullis_tests::raw_upstream::{Arrival, RawUpstream};
use portcullis_tests::server::Home;
use portcullis_tests::shipped::{CONNECTION_MANAGER, Configuration, GATE};
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{HOST, Setup, World};
use request::{Expected, Row};
use serde_json::json;

use crate::bundles::Signers;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_reaches_the_upstream_is_what_was_authorised_whatever_bytes_a_client_sends() {
    let upstream = RawUpstream::start().await;
    let mut world = start(&upstream, |shipped| shipped).await;
    let tables = [our_headers::rows(), targets::rows(), methods::rows(), hosts::rows(), framing::rows()];
    let rows: Vec<Row> = tables.into_iter().flatten().collect();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "two rows have one name");

    let mut faults = Vec::new();
    let (mut executed, mut denied, mut refused) = (0, 0, 0);
    for row in &rows {
        let before = upstream.arrivals().len();
        let bytes = row.request.bytes(&world.agent);
        let answers = world.send_raw(&bytes, row.expected.answers.len()).await;
        let arrivals = upstream.arrivals().split_off(before);
        if let Some(fault) = fault(&row.expected, &answers, &arrivals) {
            faults.push(format!("{}: {fault}\n    {}", row.name, bytes.escape_ascii()));
        }
        executed += arrivals.len();
        denied += row.expected.answers.iter().filter(|answer| answer.code.is_some()).count();
        refused += usize::from(
            arrivals.is_empty() && row.expected.answers.iter().all(|answer| answer.code.is_none()),
        );
    }
    println!(
        "{} raw requests: {executed} executed, {denied} denied with a code, {refused} refused by Envoy itself",
        rows.len()
    );
    assert!(faults.is_empty(), "{} of {} rows:\n{}", faults.len(), rows.len(), faults.join("\n"));
    assert!(rows.len() >= 200 && executed >= 40 && denied >= 60 && refused >= 60, "the tables exert enough");

    assert!(world.server.process.stop().await.success());
    let arrivals = upstream.arrivals();
    assert_eq!(arrivals.len(), executed, "something reached the upstream after its row");
    assert_each_is_on_record_as_it_arrived(&world, &arrivals);
    world.end().await;
}

/// A world whose policy allows every method and every path.
async fn start(upstream: &RawUpstream, change: fn(Configuration) -> Configuration) -> World {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let bundle = UnsignedBundle::of(&home).version(2).edit("routes/demo/hello.json", |hello| {
        let request = &mut hello["spec"]["match"][0];
        request["methods"] = json!(request::METHODS);
        request["paths"] = json!(["/**"]);
    });
    Signers::of(&home).publish(&bundle);
    Setup { change, upstream_at: Some(upstream.address()), ..Setup::default() }
        .start_in(directory, home)
        .await
}

/// How the answers and arrivals differ from what is expected.
fn fault(expected: &Expected, answers: &RawAnswers, arrivals: &[Arrival]) -> Option<String> {
    let wanted: Vec<u16> = expected.answers.iter().map(|answer| answer.status).collect();
    let codes: Vec<Option<String>> =
        answers.responses.iter().map(portcullis_tests::client::ClientResponse::code).collect();
    let arrived: Vec<(String, String)> = arrivals.iter().map(Arrival::line).collect();
    if answers.statuses() != wanted || arrived != expected.arrivals {
        return Some(format!(
            "expected {wanted:?} and {:?}, got {:?} {codes:?} and {arrived:?}",
            expected.arrivals,
            answers.statuses()
        ));
    }
    let wanted: Vec<Option<String>> =
        expected.answers.iter().map(|answer| answer.code.map(str::to_owned)).collect();
    if codes != wanted {
        return Some(format!("expected {wanted:?}, got {codes:?}"));
    }
    arrivals.iter().find_map(|arrival| odd_header(arrival, &expected.body))
}

/// What no request may bring to the upstream.
fn odd_header(arrival: &Arrival, body: &[u8]) -> Option<String> {
    let counts = |name: &str| arrival.header(name).len();
    for (name, times) in [("host", 1), ("warrant-decision", 1)] {
        if counts(name) != times {
            return Some(format!("{} values of {name} reached the upstream", counts(name)));
        }
    }
    let ours = ["warrant", "warrant-proof", "warrant-denial", "warrant-receipt", "connection", "upgrade"];
    if let Some(name) = ours.iter().find(|name| counts(name) > 0) {
        return Some(format!("{name} reached the upstream: {:?}", arrival.header(name)));
    }
    (arrival.rest != body).then(|| format!("the body that arrived: {}", arrival.rest.escape_ascii()))
}

/// Each arrival has the method, the path and the host that are on record as allowed under its decision, and no decision has
/// two arrivals.
fn assert_each_is_on_record_as_it_arrived(world: &World, arrivals: &[Arrival]) {
    let mut allowed: BTreeMap<String, [String; 3]> = BTreeMap::new();
    for record in Ledger::entries(&world.home.file("ledger"), 0).unwrap() {
        let Entry::Decision(Decision { outcome: DecisionOutcome::Allowed, id, request, .. }) =
            record.unwrap().entry
        else {
            continue;
        };
        let text = |text| serde_json::to_value(text).unwrap().as_str().expect("plain text").to_owned();
        allowed.insert(id, [text(&request.method), text(&request.path), text(&request.host)]);
    }
    for arrival in arrivals {
        let (method, target) = arrival.line();
        let path = target.split('?').next().unwrap().to_owned();
        let id = &arrival.header("warrant-decision")[0];
        let recorded = allowed.remove(id).expect("each arrival has an allow of its own");
        assert_eq!(recorded, [method, path, arrival.header("host")[0].clone()], "{id}");
    }
    println!("{} arrivals are as they are on record", arrivals.len());
}

/// As Istio's CUSTOM provider makes it: without raw headers. Nor is there a gate before the server, and paths stay as they are.
fn without_raw_headers(shipped: Configuration) -> Configuration {
    let setting = |name: &str| format!("{CONNECTION_MANAGER}/{name}");
    shipped
        .without(GATE)
        .set(&setting("http_filters/0/typed_config/encode_raw_headers"), false.into())
        .set(&setting("normalize_path"), false.into())
        .set(&setting("merge_slashes"), false.into())
        .set(&setting("path_with_escaped_slashes_action"), "KEEP_UNCHANGED".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_raw_headers_a_path_with_a_byte_that_the_proxy_does_not_tell_is_denied() {
    let upstream = RawUpstream::start().await;
    let mut world = start(&upstream, without_raw_headers).await;
    // Envoy takes these bytes over HTTP/2, forwards them, and tells the server `!` for each that is not UTF-8.
    for (path, told) in [
        (&b"/hello/a\xffb"[..], "/hello/a!b"),
        (b"/hello/\xe9", "/hello/!"),
        (b"/hello/\xc0\xaf", "/hello/!!"),
        (b"/hello/a!b", "/hello/a!b"),
    ] {
        let status = world.send_raw_h2(&fields(&world.agent, path, told)).await;
        assert_eq!(status, Some(400), "{}", path.escape_ascii());
    }
    assert_eq!(upstream.arrivals().len(), 0);
    let status = world.send_raw_h2(&fields(&world.agent, b"/hello/you", "/hello/you")).await;
    assert_eq!(status, Some(200));
    assert!(world.server.process.stop().await.success());
    assert_each_is_on_record_as_it_arrived(&world, &upstream.arrivals());
    world.end().await;
}

/// A GET of this path over HTTP/2, with a warrant for every path and a proof for what the server is told.
fn fields(agent: &Agent, path: &[u8], told: &str) -> Vec<Field> {
    let warrant = agent.warrant(&WarrantSpec { path: "/**".to_owned(), ..hello() });
    let proof = agent.proof(&warrant, &ClientRequest::new("GET", HOST, told));
    let field = |name: &str, value: &[u8]| (name.as_bytes().to_vec(), value.to_vec());
    vec![
        field(":method", b"GET"),
        field(":scheme", b"http"),
        field(":authority", HOST.as_bytes()),
        field(":path", path),
        field("warrant", warrant.as_bytes()),
        field("warrant-proof", proof.as_bytes()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_2_too_what_reaches_the_upstream_is_what_was_authorised() {
    let upstream = RawUpstream::start().await;
    let mut world = start(&upstream, |shipped| shipped).await;
    let mut statuses = Vec::new();
    let targets: [(&[u8], &str, Option<u16>); 14] = [
        (b"/hello/you", "/hello/you", Some(200)),
        (b"/hello/a!b", "/hello/a!b", Some(200)),
        (b"/hello/../hello/you", "/hello/you", Some(200)),
        (b"//hello/you", "/hello/you", Some(200)),
        (b"/hello/a\xffb", "/hello/a%FFb", Some(400)),
        (b"/hello/\xc3\xa9", "/hello/%C3%A9", Some(200)),
        (b"/hello/a%2fb", "/hello/a%2fb", Some(400)),
        (b"/hello/a%00b", "/hello/a%00b", Some(400)),
        (b"/hello/you;x", "/hello/you;x", Some(400)),
        (b"/hello/you?x", "/hello/you?x", Some(403)),
        (b"/hello/a\0b", "/hello/you", None),
        (b"/hello/a b", "/hello/you", None),
        (b"hello/you", "/hello/you", None),
        (b"", "/hello/you", None),
    ];
    for (path, told, _) in targets {
        statuses.push(world.send_raw_h2(&fields(&world.agent, path, told)).await);
    }
    assert_eq!(statuses, targets.map(|(.., expected)| expected));

    let plain = || fields(&world.agent, b"/hello/you", "/hello/you");
    let with =
        |name: &str, value: &[u8]| [plain(), vec![(name.as_bytes().to_vec(), value.to_vec())]].concat();
    let mut statuses = Vec::new();
    let further: [(&str, &[u8], Option<u16>); 16] = [
        ("warrant", b"x", Some(400)),
        ("warrant-proof", b"x", Some(400)),
        ("warrant-decision", b"made-up", Some(200)),
        ("host", b"elsewhere", Some(200)),
        ("host", HOST.as_bytes(), Some(200)),
        ("Warrant", b"x", None),
        ("x y", b"x", None),
        ("x_y", b"x", None),
        ("", b"x", None),
        (":path", b"/hello/them", None),
        (":method", b"POST", None),
        (":authority", b"elsewhere", None),
        (":unknown", b"x", None),
        ("connection", b"close", None),
        ("transfer-encoding", b"chunked", None),
        ("x", b"a\r\nwarrant: x", None),
    ];
    for (name, value, _) in further {
        statuses.push(world.send_raw_h2(&with(name, value)).await);
    }
    assert_eq!(statuses, further.map(|(.., expected)| expected));
    assert!(world.server.process.stop().await.success());
    let arrivals = upstream.arrivals();
    assert!(
        arrivals.len() >= 5 && arrivals.iter().all(|arrival| odd_header(arrival, b"").is_none()),
        "{arrivals:?}"
    );
    assert_each_is_on_record_as_it_arrived(&world, &arrivals);
    world.end().await;
}
