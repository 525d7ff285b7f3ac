//! A decision that does not hold any more ends its stream: the server judges what runs again, and the statement lists it.

use portcullis_tests::agent::hello;
use portcullis_tests::client::{ClientRequest, get};
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::operator::done;
use portcullis_tests::raw;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::World;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{ISSUER, jti, streams, two_workers, until_open};
use crate::bundles::Signers;

/// Waits until the seal has ended so many streams with this code.
async fn until_ended(world: &World, code: &str, count: u64) {
    let name = format!("wasmcustom.portcullis_seal_ended_{}", code.replace('-', "_"));
    until("the streams to be ended", async || (world.envoy.stat(&name).await == Some(count)).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_does_not_permit_it_any_more_ends_a_stream() {
    let world = two_workers().await;
    let warrant = world.agent.warrant(&hello());
    let running = streams(&world, &warrant, "/hello/stream", 4);
    let silent = streams(&world, &warrant, "/hello/silence", 1);
    until_open(&world, 5).await;
    let bundle = UnsignedBundle::of(&world.home).version(2).edit("routes/demo/hello.json", |route| {
        route["spec"]["callers"] = json!(["agent:other"]);
    });
    Signers::of(&world.home).publish(&bundle);
    until_open(&world, 0).await;
    for stream in running {
        assert!(stream.await.unwrap().broke_off);
    }
    for stream in silent {
        let response = stream.await.unwrap().response.expect("it is answered");
        assert_eq!((response.status, response.code().as_deref()), (403, Some("policy-denied")));
    }
    until_ended(&world, "policy-denied", 5).await;
    // The record says why.
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let outcomes = until("the outcomes", async || {
        let outcomes = auditor.of_kind("outcome/1");
        (outcomes.len() == 5).then_some(outcomes)
    })
    .await;
    for outcome in &outcomes {
        assert!(outcome["termination"].as_str().unwrap().starts_with("policy-denied"), "{outcome}");
    }
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 403, "policy-denied").await;
    world.end().await;
}

/// Opens a WebSocket with this warrant. Returns its first bytes, and reads until it ends.
async fn web_socket(world: &World, warrant: &str) -> (String, JoinHandle<()>) {
    let request = world.agent.present(warrant, ClientRequest::new("GET", "localhost", "/hello/socket"));
    let bytes = String::from_utf8(raw::bytes_of(&request)).unwrap();
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\n";
    let bytes = bytes.replace("connection: close\r\n", upgrade);
    let mut socket = TcpStream::connect(world.envoy.address()).await.unwrap();
    socket.write_all(bytes.as_bytes()).await.unwrap();
    let mut first = vec![0; 12];
    socket.read_exact(&mut first).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut rest = Vec::new();
        // An end by reset is an end too.
        let _ = socket.read_to_end(&mut rest).await;
    });
    (String::from_utf8(first).unwrap(), reading)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_web_socket_ends_when_its_warrant_is_revoked_and_another_goes_on() {
    let world = two_workers().await;
    let (revoked, other) = (world.agent.warrant(&hello()), world.agent.warrant(&hello()));
    let mut sockets = Vec::new();
    for warrant in [&revoked, &revoked, &other] {
        let (first, reading) = web_socket(&world, warrant).await;
        assert_eq!(first, "HTTP/1.1 101");
        sockets.push(reading);
    }
    until_open(&world, 3).await;
    done(&world.home, &["revoke", "path", &jti(&revoked), "--iss", ISSUER]);
    until_open(&world, 1).await;
    let rest = sockets.split_off(2);
    for reading in sockets {
        reading.await.unwrap();
    }
    assert!(!rest[0].is_finished());
    done(&world.home, &["halt"]);
    until_open(&world, 0).await;
    until_ended(&world, "revoked", 2).await;
    until_ended(&world, "halted", 1).await;
    world.denies(&world.agent.request(&hello(), "GET", "/hello/socket"), 503, "halted").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halted_route_ends_its_streams_and_a_halted_issuer_those_under_its_warrants() {
    let world = two_workers().await;
    for (ended, scope) in [(3, ["--route", "hello"]), (6, ["--issuer", "https://authority.demo"])] {
        let running = streams(&world, &world.agent.warrant(&hello()), "/hello/stream", 3);
        until_open(&world, 3).await;
        done(&world.home, &["halt", "--route", "pay"]);
        done(&world.home, &[&["halt"][..], &scope].concat());
        until_open(&world, 0).await;
        for stream in running {
            assert!(stream.await.unwrap().broke_off);
        }
        until_ended(&world, "halted", ended).await;
        let resumed = done(&world.home, &[&["resume"][..], &scope].concat());
        world.until_gates_have(resumed["index"].as_u64().unwrap()).await;
    }
    let stats = get(world.envoy.admin(), "/stats?filter=portcullis_seal_live").await.unwrap().text();
    assert!(stats.contains("portcullis_seal_live_streams: 0\n"), "{stats}");
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}
