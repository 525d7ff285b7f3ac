//! A route that reads an argument from the body: which bodies it accepts, and how much memory unfinished bodies take in
//! the proxy.

use std::time::Duration;

use portcullis_tests::agent::payment;
use portcullis_tests::client::{ClientRequest, get};
use portcullis_tests::condition::{LONGEST_WAIT, until};
use portcullis_tests::server::Home;
use portcullis_tests::shipped::{CONNECTION_MANAGER, Configuration};
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{HOST, Setup, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bundles::Signers;

const KIBIBYTE: usize = 1024;
/// The default limit of a route.
const LONGEST: usize = 64 * KIBIBYTE;

/// A world where `pay` reads the amount from the body.
async fn start(change: fn(Configuration) -> Configuration) -> World {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let bundle = UnsignedBundle::of(&home).version(2).edit("routes/demo/pay.json", |pay| {
        pay["spec"]["args"] = json!({"amount": {"from": "body:/amount", "type": "natural"}});
    });
    Signers::of(&home).publish(&bundle);
    Setup { change, ..Setup::default() }.start_in(directory, home).await
}

fn as_printed(shipped: Configuration) -> Configuration {
    shipped.sending_bodies(LONGEST)
}

/// A payment with this body, a warrant for it and a proof of it.
fn pay(world: &World, kind: &str, body: impl Into<Vec<u8>>) -> ClientRequest {
    let mut request = ClientRequest::new("POST", HOST, "/v1/payments/a-7").with("content-type", kind);
    request.body = body.into().into();
    world.agent.present(&world.agent.warrant(&payment()), request)
}

const JSON: &str = "application/json";

#[tokio::test]
async fn a_body_with_the_argument_is_judged_and_reaches_the_upstream_unchanged() {
    let world = start(as_printed).await;
    for body in [
        r#"{"amount":10}"#.to_owned(),
        " \t\r\n{\"other\": [1.5, null, {\"a\": \"\\u00e9\"}], \"amount\": 0}\n".to_owned(),
        format!(r#"{{"amount":9007199254740991,"note":"{}"}}"#, "x".repeat(60 * KIBIBYTE)),
    ] {
        world.allows(&pay(&world, JSON, body.clone())).await;
        assert_eq!(world.upstream.executions().last().unwrap().body, body);
    }
    world.allows(&pay(&world, "Application/JSON; charset=utf-8", r#"{"amount":1}"#)).await;
    world.end().await;
}

#[tokio::test]
async fn a_body_that_two_readers_could_read_in_two_ways_is_denied() {
    let world = start(as_printed).await;
    let nested = |depth: usize| format!(r#"{{"amount":1,"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let bodies: Vec<Vec<u8>> = [
        // not one JSON value
        "",
        " ",
        "{",
        "}",
        "{}{}",
        "amount=1",
        "[1]",
        "\"amount\"",
        "null",
        "true",
        "1",
        r#"{"amount":1}x"#,
        r#"{"amount":1},"#,
        r#"{"amount":1}{"amount":2}"#,
        r#"{"amount":1,}"#,
        r#"{"amount":1"#,
        r#"{amount:1}"#,
        r#"{'amount':1}"#,
        r#"{"amount":1}//"#,
        r#"/**/{"amount":1}"#,
        "\u{feff}{\"amount\":1}",
        // the argument twice, or twice for a reader that ignores case or escapes
        r#"{"amount":1,"amount":1}"#,
        r#"{"amount":1,"amount":2}"#,
        r#"{"amount":1,"Amount":2}"#,
        r#"{"AMOUNT":1,"amount":2}"#,
        r#"{"amount":1,"\u0061mount":2}"#,
        r#"{"amount":1,"a":{"b":1,"B":2}}"#,
        r#"{"amount":1,"a":[{"b":1,"b":1}]}"#,
        "{\"amount\":1,\"k\":1,\"\u{212a}\":2}",
        "{\"amount\":1,\"\u{3c3}\":1,\"\u{3c2}\":2}",
        // not there, or of another type
        "{}",
        r#"{"Amount":1}"#,
        r#"{"a":{"amount":1}}"#,
        r#"[{"amount":1}]"#,
        r#"{"amount":null}"#,
        r#"{"amount":"1"}"#,
        r#"{"amount":true}"#,
        r#"{"amount":[1]}"#,
        r#"{"amount":{}}"#,
        // numbers that readers round, or refuse
        r#"{"amount":1.0}"#,
        r#"{"amount":1e1}"#,
        r#"{"amount":-1}"#,
        r#"{"amount":-0}"#,
        r#"{"amount":01}"#,
        r#"{"amount":+1}"#,
        r#"{"amount":.5}"#,
        r#"{"amount":0x1}"#,
        r#"{"amount":1e999}"#,
        r#"{"amount":NaN}"#,
        r#"{"amount":Infinity}"#,
        r#"{"amount":9007199254740992}"#,
        r#"{"amount":18446744073709551617}"#,
        // texts that readers decode differently
        r#"{"amount":1,"a":"\ud800"}"#,
        r#"{"amount":1,"a":"\x41"}"#,
        "{\"amount\":1,\"a\":\"\n\"}",
        "{\"amount\":1,\"a\":\"\u{0}\"}",
    ]
    .into_iter()
    .map(|text| text.as_bytes().to_vec())
    .chain([
        nested(65).into_bytes(),
        b"{\"amount\":1,\"a\":\"\xff\"}".to_vec(),
        b"{\"amount\":1,\"a\":\"\xc0\xaf\"}".to_vec(),
        b"\xff\xfe{\0\"\0".to_vec(),
        "{\"amount\":1}".encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ])
    .collect();
    for body in &bodies {
        world.denies(&pay(&world, JSON, body.clone()), 400, "arguments-invalid").await;
    }
    for kind in [
        "",
        "text/json",
        "application/jsonp",
        "application/json; charset=latin1",
        "application/json, text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "application/json;",
        "*/*",
    ] {
        world.denies(&pay(&world, kind, r#"{"amount":1}"#), 400, "arguments-invalid").await;
    }
    for (name, value) in
        [("content-encoding", "gzip"), ("content-encoding", "identity"), ("content-type", JSON)]
    {
        let request = pay(&world, JSON, r#"{"amount":1}"#).with(name, value);
        world.denies(&request, 400, "arguments-invalid").await;
    }
    println!("{} hostile bodies", bodies.len());
    assert!(world.upstream.executions().is_empty());
    world.allows(&pay(&world, JSON, r#"{"amount":1}"#)).await;
    world.end().await;
}

#[tokio::test]
async fn a_proof_of_another_body_and_a_body_over_the_limit_are_denied() {
    let world = start(as_printed).await;
    let other = pay(&world, JSON, r#"{"amount":1}"#);
    for body in [r#"{"amount":2}"#, r#"{"amount": 1}"#, "{\"amount\":1}\n"] {
        let changed = ClientRequest { body: body.into(), ..other.clone() };
        world.denies(&changed, 401, "proof-invalid").await;
    }
    let of_size = |size: usize| {
        let rest = size - r#"{"amount":1,"a":""}"#.len();
        pay(&world, JSON, format!(r#"{{"amount":1,"a":"{}"}}"#, "x".repeat(rest)))
    };
    world.allows(&of_size(LONGEST)).await;
    world.denies_with_status(&of_size(LONGEST + 1), 413).await;
    world.end().await;
}

#[tokio::test]
async fn where_the_proxy_sends_no_body_or_only_its_text_or_too_much_of_it_the_request_is_denied() {
    let world = start(|shipped| shipped).await;
    let response = world.denies(&pay(&world, JSON, r#"{"amount":1}"#), 400, "arguments-invalid").await;
    assert!(response.text().contains("with_request_body"), "{}", response.text());
    world.end().await;

    // Envoy ignores `pack_as_bytes` in the settings of a route: the body comes as text, with bytes replaced.
    let world = start(|shipped| as_printed(shipped).without_body_settings_of_the_filter()).await;
    for body in [&b"{\"amount\":1}"[..], b"{\"amount\":1,\"amo\xffunt\":2}"] {
        let response = world.denies(&pay(&world, JSON, body), 400, "arguments-invalid").await;
        assert!(response.text().contains("pack_as_bytes"), "{}", response.text());
    }
    world.end().await;

    let world = start(|shipped| shipped.sending_bodies(2 * LONGEST)).await;
    let long = format!(r#"{{"amount":1,"a":"{}"}}"#, "x".repeat(LONGEST));
    let response = world.denies(&pay(&world, JSON, long), 400, "arguments-invalid").await;
    assert!(response.text().contains("at most 65536"), "{}", response.text());
    world.end().await;
}

/// Connections with a request whose body lacks its last byte. It has a warrant, without which the gate would deny it.
async fn unfinished(world: &World, connections: usize, length: usize) -> Vec<TcpStream> {
    let warrant = world.agent.warrant(&payment());
    let head = format!(
        "POST /v1/payments/a-7 HTTP/1.1\r\nhost: {HOST}\r\nwarrant: {warrant}\r\ncontent-length: {length}\r\n\r\n"
    );
    let sent = [head.into_bytes(), vec![b'x'; length - 1]].concat();
    let mut all = Vec::new();
    for _ in 0..connections {
        let mut stream = TcpStream::connect(world.envoy.address()).await.unwrap();
        // Under pressure the proxy may close it, or not read it.
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(&sent)).await;
        all.push(stream);
    }
    all
}

/// What Envoy's allocator has handed out, in bytes.
async fn allocated(world: &World) -> usize {
    let answer = get(world.envoy.admin(), "/memory").await.expect("Envoy answers its administration");
    let memory: Value = serde_json::from_slice(&answer.body).unwrap();
    memory["allocated"].as_str().unwrap().parse().unwrap()
}

/// One of Envoy's counters or gauges.
async fn counter(world: &World, name: &str) -> usize {
    let stats = get(world.envoy.admin(), &format!("/stats?filter=^{name}$")).await.expect("statistics");
    let text = stats.text();
    let value = text.trim().strip_prefix(name).and_then(|rest| rest.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("{name} in {text:?}")).parse().unwrap()
}

/// How much Envoy's memory grows by unfinished bodies that are one byte short of `length`.
async fn growth(world: &World, connections: usize, length: usize) -> usize {
    let before = allocated(world).await;
    let held = unfinished(world, connections, length).await;
    let buffered = connections * length / 10 * 9;
    let after = until("Envoy to have read the bodies", async || {
        let now = allocated(world).await;
        (now > before + buffered).then_some(now)
    })
    .await;
    drop(held);
    after - before
}

#[tokio::test]
async fn unfinished_bodies_take_no_more_of_the_proxys_memory_than_the_route_allows() {
    const STREAMS: usize = 100;
    let world = start(as_printed).await;
    let default = growth(&world, STREAMS, LONGEST).await;
    let longest = start(|shipped| shipped.sending_bodies(1024 * KIBIBYTE)).await;
    let highest = growth(&longest, STREAMS, 1024 * KIBIBYTE).await;
    println!("{STREAMS} unfinished bodies: {default} bytes with 64 KiB, {highest} bytes with 1 MiB");
    assert!(default < 2 * STREAMS * LONGEST, "{default}");
    for world in [world, longest] {
        world.allows(&pay(&world, JSON, r#"{"amount":1}"#)).await;
        world.end().await;
    }
}

#[tokio::test]
async fn at_its_heap_limit_the_proxy_takes_no_more_bodies_and_it_recovers() {
    const LIMIT: usize = 64 * KIBIBYTE * KIBIBYTE;
    let world = start(|shipped| {
        let limit = "/overload_manager/resource_monitors/0/typed_config/max_heap_size_bytes";
        as_printed(shipped).set(limit, json!(LIMIT))
    })
    .await;
    let mut held = unfinished(&world, LIMIT / LONGEST, LONGEST).await;
    until("the proxy to notice", async || {
        (counter(&world, "overload.envoy.overload_actions.stop_accepting_requests.active").await == 1)
            .then_some(())
    })
    .await;
    held.extend(unfinished(&world, LIMIT / LONGEST / 2, LONGEST).await);
    let taken = counter(&world, "http.guarded.downstream_rq_active").await;
    let bytes = allocated(&world).await;
    println!("of {} unfinished bodies it took {taken}: {bytes} bytes, with a limit of {LIMIT}", held.len());
    // The first ones came before it looked at its heap, ten times a second.
    assert!(taken <= LIMIT / LONGEST, "{taken}");
    drop(held);
    until("the pressure to end", async || {
        // A connection from before the end may never be accepted.
        let request = pay(&world, JSON, r#"{"amount":1}"#);
        let sent = tokio::time::timeout(Duration::from_secs(1), request.send(world.envoy.address())).await;
        (sent.ok()?.ok()?.status == 200).then_some(())
    })
    .await;
    world.allows(&pay(&world, JSON, r#"{"amount":1}"#)).await;
    world.end().await;
}

#[tokio::test]
async fn a_connection_that_never_sends_anything_is_closed() {
    // Shipped: after a minute. The test does not wait that long.
    let world = start(|shipped| {
        let idle = format!("{CONNECTION_MANAGER}/common_http_protocol_options/idle_timeout");
        as_printed(shipped).set(&idle, json!("0.5s"))
    })
    .await;
    let mut silent = TcpStream::connect(world.envoy.address()).await.unwrap();
    let read = tokio::time::timeout(LONGEST_WAIT, silent.read(&mut [0])).await;
    assert_eq!(read.expect("the proxy closes it").unwrap(), 0);
    world.allows(&pay(&world, JSON, r#"{"amount":1}"#)).await;
    world.end().await;
}
