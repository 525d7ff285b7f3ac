//! Clocks that are wrong: what was promised to end ends all the same, and nothing is denied for longer than the fault lasts.

use std::time::{Duration, Instant};

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::{until, until_within};
use portcullis_tests::envoy::Envoy;
use portcullis_tests::operator::done;
use portcullis_tests::preloaded_faults::PreloadedFaults;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::{UnsignedBundle, now};
use portcullis_tests::statement_relay::Lie;
use portcullis_tests::world::{Setup, World};
use serde_json::json;

use super::{LATE_AT_MOST, RECOVERED, Relayed, STATEMENT, request, send};
use crate::bundles::Signers;
use crate::seal::{ISSUER, jti, two_workers, until_open};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// For how long a stream of the sample route may run here.
const MAX_STREAM: Duration = Duration::from_secs(10);

/// How many seconds Envoy's clock is behind, as the date in one of its own answers says.
async fn seconds_behind(envoy: &Envoy) -> u64 {
    let denied = ClientRequest::new("GET", "localhost", "/hello/you").send(envoy.address()).await.unwrap();
    assert_eq!(denied.code().as_deref(), Some("warrant-missing"), "{}", denied.text());
    // Fri, 27 Nov 2026 16:26:46 GMT
    let date = denied.headers["date"].to_str().unwrap();
    let time = date.split(' ').nth(4).expect("a date").split(':').map(|part| part.parse::<u64>().unwrap());
    let of_day = time.fold(0, |seconds, part| seconds * 60 + part);
    (now() + DAY - of_day) % DAY
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxys_clock_that_is_set_back_an_hour_delays_no_end() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let bundle = UnsignedBundle::of(&home).version(2).edit("routes/demo/hello.json", |route| {
        route["spec"]["maxStream"] = format!("{}s", MAX_STREAM.as_secs()).into();
    });
    Signers::of(&home).publish(&bundle);
    let world = Setup { workers: 2, ..Setup::default() }.start_in(directory, home).await;
    let (relayed, machine) = Relayed::start_with_faults(&world).await;
    let Relayed { envoy, relay, .. } = &relayed;

    let revoked = world.agent.warrant(&WarrantSpec { lifetime: 300, ..hello() });
    let of_revoked = world.agent.present(&revoked, ClientRequest::new("GET", "localhost", "/hello/silence"));
    let streams = [request(&world, "/hello/stream"), of_revoked].map(|request| {
        let address = envoy.address();
        tokio::spawn(async move { request.stream(address).await })
    });
    until_open(&world, 2).await;
    machine.set_clock_back_by(HOUR);
    until("Envoy to be an hour behind", async || {
        (seconds_behind(envoy).await.abs_diff(HOUR) < 60).then_some(())
    })
    .await;
    assert_eq!(send(&world, envoy).await.status, 200, "a clock that is set back denies nothing");
    let [running, silent] = streams;
    // A revocation ends a stream at once.
    let began = Instant::now();
    done(&world.home, &["revoke", "path", &jti(&revoked), "--iss", ISSUER]);
    let ended = silent.await.unwrap().response.expect("it is answered");
    assert_eq!((ended.status, ended.code().as_deref()), (403, Some("revoked")));
    assert!(began.elapsed() < LATE_AT_MOST, "{:?}", began.elapsed());
    // The time of a stream ends.
    let ended = running.await.unwrap();
    println!("a stream of at most {MAX_STREAM:?} ended after {:?}", ended.after);
    assert!(ended.broke_off && ended.after + RECOVERED > MAX_STREAM, "{ended:?}");
    assert!(ended.after < MAX_STREAM + LATE_AT_MOST, "{:?}", ended.after);
    assert_eq!(envoy.stat("wasmcustom.portcullis_seal_ended_expired").await, Some(1));
    // One that begins now ends too, and so does the statement.
    let address = envoy.address();
    let later = request(&world, "/hello/stream");
    let later = tokio::spawn(async move { later.stream(address).await });
    until_open(&world, 1).await;
    assert_eq!(send(&world, envoy).await.status, 200);
    let began = Instant::now();
    relay.lie(Lie::Garbage);
    let ended = later.await.unwrap();
    assert!(ended.broke_off && ended.after < MAX_STREAM + LATE_AT_MOST, "{:?}", ended.after);
    until_within(STATEMENT + LATE_AT_MOST, "everything to be denied", async || {
        let answer = send(&world, envoy).await;
        (answer.code().as_deref() == Some("governance-stale")).then_some(())
    })
    .await;
    println!("everything was denied {:?} after the last statement", began.elapsed());
    assert!(began.elapsed() < STATEMENT + LATE_AT_MOST, "{:?}", began.elapsed());
    relay.be_honest();
    let began = Instant::now();
    until("requests to be allowed again", async || (send(&world, envoy).await.status == 200).then_some(()))
        .await;
    println!("allowed {:?} after the server spoke again", began.elapsed());
    assert!(began.elapsed() < RECOVERED + LATE_AT_MOST, "{:?}", began.elapsed());
    world.allows(&request(&world, "/hello/you")).await;
    drop(relayed);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_of_a_second_in_which_the_servers_clock_was_an_hour_ahead_change_nothing() {
    let world = two_workers().await;
    let relayed = Relayed::start(&world, |file| file).await;
    let Relayed { envoy, relay, .. } = &relayed;
    let (address, stream) = (envoy.address(), request(&world, "/hello/stream"));
    let stream = tokio::spawn(async move { stream.stream(address).await });
    until_open(&world, 1).await;
    let made = async || envoy.stat("wasmcustom.portcullis_statement_iat").await.unwrap_or_default();
    let before = made().await;
    relay.lie(Lie::FromTheFuture);
    until("two such statements", async || {
        assert_eq!(send(&world, envoy).await.status, 200, "what is held goes on");
        (relay.lies() >= 2).then_some(())
    })
    .await;
    relay.be_honest();
    until("an honest statement to be taken", async || {
        assert_eq!(send(&world, envoy).await.status, 200, "no statement was taken that ends what is held");
        (made().await > before).then_some(())
    })
    .await;
    assert!(made().await < before + HOUR && !stream.is_finished());
    done(&world.home, &["halt"]);
    assert!(stream.await.unwrap().broke_off, "new facts arrive");
    let resumed = done(&world.home, &["resume"]);
    world.until_gates_have(resumed["index"].as_u64().unwrap()).await;
    world.allows(&request(&world, "/hello/you")).await;
    drop(relayed);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_clock_was_an_hour_ahead_for_a_second_still_ends_what_must_end() {
    let mut world: World = two_workers().await;
    world.server.process.stop().await;
    let machine = PreloadedFaults::new(world.directory());
    world.server = Server::start_with_faults(&world.home, &machine).await;
    let allowed =
        async |world: &World| (world.send(&request(world, "/hello/you")).await.status == 200).then_some(());
    until("requests to be allowed", async || allowed(&world).await).await;
    let address = world.envoy.address();
    let streams = ["/hello/stream", "/hello/silence"].map(|path| {
        let request = request(&world, path);
        tokio::spawn(async move { request.stream(address).await })
    });
    until_open(&world, 2).await;
    machine.shift_clock_by(HOUR);
    let wrong = Instant::now();
    until("the server to notice", async || world.server.readiness_of("clock").await.err()).await;
    // A poll may have been answered in that second.
    until("a second to pass", async || (wrong.elapsed() > Duration::from_secs(1)).then_some(())).await;
    machine.shift_clock_by(0);
    let began = Instant::now();
    until("requests to be allowed again", async || allowed(&world).await).await;
    println!("allowed {:?} after the clock was right again", began.elapsed());
    assert!(began.elapsed() < RECOVERED + LATE_AT_MOST, "{:?}", began.elapsed());
    assert!(streams.iter().all(|stream| !stream.is_finished()), "nothing that still holds was ended");
    // The server has forgotten nothing that runs.
    let bundle = UnsignedBundle::of(&world.home).version(2).edit("routes/demo/hello.json", |route| {
        route["spec"]["callers"] = json!(["agent:other"]);
    });
    Signers::of(&world.home).publish(&bundle);
    until_open(&world, 0).await;
    let [running, silent] = streams;
    assert!(running.await.unwrap().broke_off);
    let answer = silent.await.unwrap().response.expect("it is answered");
    assert_eq!((answer.status, answer.code().as_deref()), (403, Some("policy-denied")));
    world.end().await;
}
