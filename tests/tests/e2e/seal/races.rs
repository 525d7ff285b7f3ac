//! What ends a stream happens at the worst moment: the server crashes before it could say so, or the stream has not begun yet.

use std::time::{Duration, Instant};

use portcullis_tests::agent::hello;
use portcullis_tests::attestor::Attestor;
use portcullis_tests::client::get;
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::operator::call_api;
use portcullis_tests::preloaded_faults::PreloadedFaults;
use portcullis_tests::server::Server;
use portcullis_tests::signed_bundles::{UnsignedBundle, now};
use portcullis_tests::stream_kinds::StreamKind;
use portcullis_tests::world::{Setup, World};
use rustix::process::Signal;
use serde_json::json;
use warrant::Denial;

use super::family::{self, Family};
use super::stream_set::assert_accounted_for;
use super::{patient_home, streaming, until_open};
use crate::bundles::Signers;

/// How long the condition of the route `window` holds.
const HOLDS: u64 = 4;

async fn halt_route(world: &World, name: &str) {
    let halt = json!({"scope": "route", "subject": name, "stance": "halted", "reason": "a drill"});
    let (status, entry) = call_api(&world.home, "PUT", "/v1/posture", &halt).await;
    assert_eq!(status, 201, "{entry}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_between_the_answer_to_a_fact_and_the_list_of_what_it_ends_streams_end_with_the_next_start()
 {
    let mut world = family::world(2).await;
    let family = Family::new(&world.agent);
    let running = family.open(&world, 2 * StreamKind::ALL.len()).await;
    // A proxy that does not run cannot poll again. So after the answer to its last poll nobody tells it anything.
    world.envoy.process.freeze().await;
    halt_route(&world, "pay").await;
    until("the last poll to be answered", async || {
        let metrics = get(world.server.health(), "/metrics").await?.text();
        metrics.contains("portcullis_statement_polls_open 0\n").then_some(())
    })
    .await;
    halt_route(&world, family::ROUTE).await;
    world.server.process.kill();
    world.envoy.process.signal(Signal::CONT);
    assert_eq!(world.upstream.open_streams(), running.len(), "the proxy knows nothing of it");
    world.server = Server::start(&world.home).await;
    let ready = Instant::now();
    let ended = running.ended_by(Denial::Halted).await;
    until_open(&world, 0).await;
    println!(
        "the last stream ended {:?} after the server was ready again",
        ended.last.saturating_duration_since(ready)
    );
    world.denies(&family.request(&world), 503, "halted").await;
    assert_accounted_for(&world, &[ended]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_that_lapses_while_an_allow_waits_for_the_disk_ends_its_stream_as_soon_as_it_begins() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = patient_home(&directory);
    let bundle = UnsignedBundle::of(&home).version(2).edit("routes/demo/hello.json", |route| {
        route["spec"]["require"]["conditions"] =
            json!([{"name": "change-window", "equals": "open", "maxAge": format!("{HOLDS}s")}]);
        route["spec"]["maxStream"] = "10m".into();
    });
    Signers::of(&home).publish(&bundle);
    let mut world = Setup { workers: 2, ..streaming() }.start_in(directory, home).await;
    world.server.process.stop().await;
    let machine = PreloadedFaults::new(world.directory());
    world.server = Server::start_with_faults(&world.home, &machine).await;

    let statement = Attestor::of(&world.home).condition("change-window", "open", 0);
    let (status, entry) =
        call_api(&world.home, "POST", "/v1/conditions", &json!({"statement": statement})).await;
    assert_eq!(status, 201, "{entry}");
    let lapses = now() + HOLDS + 1;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    machine.delay_syncs_by(Duration::from_secs(60));
    let request = world.agent.request(&hello(), "GET", "/hello/silence");
    let address = world.envoy.address();
    let stream = tokio::spawn(async move { request.stream(address).await });
    until("the condition to lapse", async || (now() > lapses).then_some(())).await;
    assert_eq!(world.upstream.open_streams(), 0, "its allow waits");
    let begins = Instant::now();
    machine.delay_syncs_by(Duration::ZERO);
    let ended = stream.await.unwrap();
    println!(
        "a stream whose condition had lapsed ended {:?} after its allow could be recorded",
        begins.elapsed()
    );
    let response = ended.response.expect("it is answered");
    assert_eq!((response.status, response.code().as_deref()), (403, Some("condition-unmet")));
    until_open(&world, 0).await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let outcome = until("its outcome", async || {
        auditor.of_kind("outcome/1").into_iter().find(|outcome| outcome["termination"] != "")
    })
    .await;
    let allowed = auditor.allowed();
    assert!(allowed.len() == 2 && allowed.contains(outcome["id"].as_str().unwrap()), "{outcome}");
    assert!(outcome["termination"].as_str().unwrap().starts_with("condition-unmet"), "{outcome}");
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 403, "condition-unmet").await;
    world.end().await;
}
