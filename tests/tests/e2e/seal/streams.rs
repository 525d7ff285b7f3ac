//! Streams that were allowed, and whose time is over.

use std::time::Duration;

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::server::Home;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{Setup, World};

use crate::bundles::Signers;

const HELLO: &str = "routes/demo/hello.json";
/// The shipped tick of the seal, and some time for a busy machine.
const LATE_AT_MOST: Duration = Duration::from_secs(3);

/// A world whose sample route lets streams run for so long.
async fn world(max_stream: &str) -> World {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let bundle = UnsignedBundle::of(&home).version(2);
    Signers::of(&home).publish(&bundle.edit(HELLO, |route| route["spec"]["maxStream"] = max_stream.into()));
    Setup::default().start_in(directory, home).await
}

async fn no_stream_is_open(world: &World) {
    until("the upstream to see every end", async || (world.upstream.open_streams() == 0).then_some(())).await;
}

#[tokio::test]
async fn a_stream_ends_when_its_route_says_and_the_upstream_sees_it() {
    let world = world("2s").await;
    let running = world.agent.request(&hello(), "GET", "/hello/stream");
    let ended = running.stream(world.envoy.address()).await;
    let response = ended.response.expect("it began");
    assert_eq!(response.status, 200);
    assert!(ended.broke_off && response.body.len() > 10, "{} bytes", response.body.len());
    let limit = Duration::from_secs(2);
    // Times are whole seconds: a stream that begins late in a second ends a little earlier.
    assert!(ended.after > limit / 2 && ended.after < limit + LATE_AT_MOST, "{:?}", ended.after);
    no_stream_is_open(&world).await;
    // One that has no answer yet gets a real one.
    let silent = world.agent.request(&hello(), "GET", "/hello/silence");
    let ended = silent.stream(world.envoy.address()).await;
    let response = ended.response.expect("it is answered");
    assert_eq!((response.status, response.code().as_deref()), (401, Some("expired")));
    no_stream_is_open(&world).await;
    // The record says why each of them ended.
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let outcomes = until("both outcomes", async || {
        let outcomes = auditor.of_kind("outcome/1");
        (outcomes.len() == 2).then_some(outcomes)
    })
    .await;
    for outcome in &outcomes {
        println!("{outcome}");
        assert_eq!(outcome["reached"], true, "{outcome}");
        assert!(outcome["termination"].as_str().unwrap().starts_with("expired"), "{outcome}");
    }
    // A short request is not touched.
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    for (name, count) in [("ended_expired", 2), ("live_streams", 0), ("passed", 3)] {
        world.envoy.until_stat(&format!("wasmcustom.portcullis_seal_{name}"), count).await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_warrant() {
    let world = world("10m").await;
    let warrant = WarrantSpec { lifetime: 3, ..hello() };
    let running = world.agent.request(&warrant, "GET", "/hello/stream");
    let ended = running.stream(world.envoy.address()).await;
    assert!(ended.broke_off && ended.after < Duration::from_secs(3) + LATE_AT_MOST, "{:?}", ended.after);
    no_stream_is_open(&world).await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_end_at_once_and_others_go_on() {
    const STREAMS: usize = 160;
    let world = world("10s").await;
    let address = world.envoy.address();
    let mut running = Vec::new();
    for count in 1..=STREAMS {
        let request = world.agent.request(&hello(), "GET", "/hello/stream");
        running.push(tokio::spawn(async move { request.stream(address).await }));
        // So many at once would be too many decisions for a small machine.
        if count % 16 == 0 {
            until("the streams to run", async || (world.upstream.open_streams() == count).then_some(()))
                .await;
        }
    }
    for stream in running {
        let ended = stream.await.unwrap();
        assert!(ended.broke_off && ended.response.is_some_and(|response| response.status == 200));
    }
    no_stream_is_open(&world).await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}
