//! What is allowed ends when it would no longer be allowed, and nothing is allowed without a current statement.

use std::time::{Duration, Instant};

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::{until, until_within};
use portcullis_tests::operator::done;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{Setup, World};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{ISSUER, jti, streams, two_workers, until_open};
use crate::bundles::Signers;

/// A statement holds for so long. Then everything is denied.
const STATEMENT: Duration = Duration::from_secs(30);
/// The rest of the path, on a busy machine.
const LATE_AT_MOST: Duration = Duration::from_secs(3);

/// The longest that one request waits for a frozen server: then Envoy has given up the connection to it.
const ONE_REQUEST: Duration = Duration::from_secs(8);

/// Waits until the statement that the filters hold has run out. A request that began just before then is denied too, but late.
async fn until_stale(world: &World) {
    until_within(STATEMENT + ONE_REQUEST + LATE_AT_MOST, "everything to be denied", async || {
        let answer = world.send(&world.agent.request(&hello(), "GET", "/hello/you")).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        (answer.code().as_deref() == Some("governance-stale")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_under_a_revoked_warrant_end_and_others_go_on() {
    let world = two_workers().await;
    let (revoked, other) = (world.agent.warrant(&hello()), world.agent.warrant(&hello()));
    let ending = streams(&world, &revoked, "/hello/stream", 8);
    let silent = streams(&world, &revoked, "/hello/silence", 2);
    let others = streams(&world, &other, "/hello/stream", 8);
    until_open(&world, 18).await;
    let began = Instant::now();
    done(&world.home, &["revoke", "path", &jti(&revoked), "--iss", ISSUER]);
    for stream in ending {
        let ended = stream.await.unwrap();
        assert!(ended.broke_off && ended.response.is_some_and(|response| response.status == 200));
    }
    for stream in silent {
        let response = stream.await.unwrap().response.expect("it is answered");
        assert_eq!((response.status, response.code().as_deref()), (403, Some("revoked")));
    }
    until_open(&world, 8).await;
    println!("10 streams ended {:?} after the command began", began.elapsed());
    assert!(began.elapsed() < LATE_AT_MOST, "{:?}", began.elapsed());
    let request = world.agent.present(&revoked, ClientRequest::new("GET", "localhost", "/hello/you"));
    world.denies(&request, 403, "revoked").await;
    assert!(others.iter().all(|stream| !stream.is_finished()));
    // A halt of everything ends the others.
    done(&world.home, &["halt"]);
    for stream in others {
        assert!(stream.await.unwrap().broke_off);
    }
    until_open(&world, 0).await;
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 503, "halted").await;
    let resumed = done(&world.home, &["resume"]);
    world.until_gates_have(resumed["index"].as_u64().unwrap()).await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_everything_is_denied_within_the_lifetime_of_a_statement() {
    let mut world = two_workers().await;
    let warrant = world.agent.warrant(&WarrantSpec { lifetime: 300, ..hello() });
    let running = streams(&world, &warrant, "/hello/stream", 4);
    until_open(&world, 4).await;
    let began = Instant::now();
    world.server.process.kill();
    world.denies_with_status(&world.agent.request(&hello(), "GET", "/hello/you"), 503).await;
    until_stale(&world).await;
    until_open(&world, 0).await;
    for stream in running {
        assert!(stream.await.unwrap().broke_off);
    }
    println!("everything was denied {:?} after the server's end", began.elapsed());
    world.server = Server::start(&world.home).await;
    let began = Instant::now();
    until("requests to be allowed again", async || {
        let request = world.agent.request(&hello(), "GET", "/hello/you");
        (world.send(&request).await.status == 200).then_some(())
    })
    .await;
    println!("allowed {:?} after the server was ready", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(2) + LATE_AT_MOST, "{:?}", began.elapsed());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_a_denial_too_and_it_is_used_again_when_it_goes_on() {
    let world = two_workers().await;
    let running = streams(&world, &world.agent.warrant(&hello()), "/hello/stream", 2);
    until_open(&world, 2).await;
    let began = Instant::now();
    world.server.process.freeze().await;
    until_stale(&world).await;
    until_open(&world, 0).await;
    println!("everything was denied {:?} after the server froze", began.elapsed());
    for stream in running {
        assert!(stream.await.unwrap().broke_off);
    }
    world.server.process.signal(Signal::CONT);
    let began = Instant::now();
    until("requests to be allowed again", async || {
        let request = world.agent.request(&hello(), "GET", "/hello/you");
        (world.send(&request).await.status == 200).then_some(())
    })
    .await;
    println!("allowed {:?} after the server went on", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(2) + LATE_AT_MOST, "{:?}", began.elapsed());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observed_route_passes_the_gate_without_a_warrant_until_it_is_halted() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    // Only the platform team may let a route be observed.
    let bundle = UnsignedBundle::of(&home).version(2).edit("teams.json", |teams| {
        teams["spec"]["demo"]["platform"] = true.into();
    });
    let bundle = bundle.edit("routes/demo/hello.json", |route| {
        route["spec"]["ungoverned"] =
            json!({"reason": "adopting it", "until": "2099-01-01T00:00:00Z", "observe": true});
    });
    Signers::of(&home).publish(&bundle);
    let world = Setup { workers: 2, ..Setup::default() }.start_in(directory, home).await;
    let observed = || ClientRequest::new("GET", "localhost", "/hello/you");
    world.allows(&observed()).await;
    world.denies(&ClientRequest::new("GET", "localhost", "/other"), 401, "warrant-missing").await;
    let halted = done(&world.home, &["halt", "--route", "hello"]);
    world.denies(&observed(), 503, "halted").await;
    world.until_gates_have(halted["index"].as_u64().unwrap()).await;
    let answer = world.denies(&observed(), 503, "halted").await;
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["decision"], Value::Null, "the gate denied it, and asked nobody");
    world.end().await;
}
