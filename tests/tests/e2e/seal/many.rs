//! Many streams at once: all that must end do, soon, and no other is touched. `./dev test` runs one round, `./dev soak` all.

use std::time::{Duration, Instant};

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::client::{ClientRequest, EndedStream, get};
use portcullis_tests::condition::until;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::operator::call_api;
use portcullis_tests::signed_bundles;
use portcullis_tests::soak::rounds;
use portcullis_tests::world::World;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use warrant::mint::Signer;

use super::{ISSUER, jti, two_workers, until_open};

/// Under each of the two roots.
const STREAMS: usize = 200;
/// The slowest of a hundred rounds, with optimised code. `./dev test` runs code that is not.
const P99: Duration = Duration::from_millis(250);
/// So many decisions at once are no burden for a small machine.
const AT_ONCE: usize = 16;

/// Starts streams under this root: over HTTP/1 and HTTP/2, with an answer that goes on and without one.
async fn start(world: &World, root: &str, already: usize, streams: usize) -> Vec<JoinHandle<EndedStream>> {
    let mut running = Vec::new();
    for count in 0..streams {
        let path = if count % 2 == 0 { "/hello/stream" } else { "/hello/silence" };
        let request = world.agent.present(root, ClientRequest::new("GET", "localhost", path));
        let address = world.envoy.address();
        running.push(tokio::spawn(async move {
            if count % 4 < 2 {
                request.stream(address).await
            } else {
                request.stream_over_http2(address).await
            }
        }));
        if (count + 1) % AT_ONCE == 0 || count + 1 == streams {
            until_open(world, already + count + 1).await;
        }
    }
    running
}

fn root(world: &World) -> String {
    world.agent.warrant(&WarrantSpec { lifetime: 300, ..hello() })
}

/// The number of which so many hundredths of the sorted numbers are not greater.
fn quantile(sorted: &[Duration], hundredths: usize) -> Duration {
    sorted[(sorted.len() * hundredths).div_ceil(100) - 1]
}

/// The memory that Envoy has allocated.
async fn allocated(world: &World) -> u64 {
    let memory: Value =
        serde_json::from_slice(&get(world.envoy.admin(), "/memory").await.unwrap().body).unwrap();
    memory["allocated"].as_str().unwrap().parse().unwrap()
}

/// Replaces the configurations of both filters, as an operator does who pins another key.
async fn reload(world: &World, round: u8) {
    let key = TestKey::stranger(Algorithm::Es256, round);
    let mut jwk: Value = serde_json::from_str(&key.public_key().to_jwk_json()).unwrap();
    jwk["kid"] = "another".into();
    for name in ["gate", "seal"] {
        let file = world.home.file(&format!("{name}.yaml"));
        let mut resource: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let at = "/resources/0/typed_config/config/configuration/value";
        let place = resource.pointer_mut(at).unwrap();
        let mut config: Value = serde_json::from_str(place.as_str().unwrap()).unwrap();
        let keys = config["statementKeys"].as_array_mut().unwrap();
        keys.truncate(1);
        keys.push(jwk.clone());
        *place = config.to_string().into();
        signed_bundles::write(&file, resource.to_string().as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_come_and_go_and_configurations_are_replaced_and_nothing_is_left_behind() {
    let world = two_workers().await;
    // Each position has a root context in two workers and the main thread.
    let current = async |position: &str| {
        world
            .envoy
            .stat(&format!("wasmcustom.portcullis_{position}_became_current"))
            .await
            .unwrap_or_default()
    };
    let rounds = u8::try_from(10 * rounds().min(10)).unwrap();
    let mut before = 0;
    for round in 1..=rounds {
        let root = root(&world);
        let running = start(&world, &root, 0, 100).await;
        running.iter().for_each(JoinHandle::abort);
        until_open(&world, 0).await;
        reload(&world, round).await;
        let expected = 3 * (u64::from(round) + 1);
        for position in ["gate", "seal"] {
            until("the new configuration to be in force", async || {
                world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
                (current(position).await >= expected).then_some(())
            })
            .await;
        }
        if round == 2 {
            before = allocated(&world).await;
        }
    }
    let after = allocated(&world).await;
    println!("{rounds} rounds: Envoy had {before} bytes after the second, and {after} after the last");
    assert!(after < before + 16 * 1024 * 1024, "{before} {after}");
    assert_eq!(world.envoy.stat("wasmcustom.portcullis_seal_live_streams").await, Some(0));
    assert_eq!(world.envoy.stat("wasmcustom.portcullis_gate_became_stopped").await.unwrap_or_default(), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_is_revoked_while_200_streams_run_under_it_beside_200_others() {
    let world = two_workers().await;
    let mut took = Vec::new();
    for round in 1..=rounds() {
        let (revoked, other) = (root(&world), root(&world));
        let ending = start(&world, &revoked, 0, STREAMS).await;
        let others = start(&world, &other, STREAMS, STREAMS).await;
        let revocation = json!({"what": "path", "value": jti(&revoked), "iss": ISSUER, "reason": "a drill"});
        let (status, entry) = call_api(&world.home, "POST", "/v1/revocations", &revocation).await;
        let answered = Instant::now();
        assert_eq!(status, 201, "{entry}");
        until("the upstream to see every end", async || {
            (world.upstream.open_streams() <= STREAMS).then_some(())
        })
        .await;
        took.push(answered.elapsed());
        for (count, stream) in ending.into_iter().enumerate() {
            let ended = stream.await.unwrap();
            match (count % 2, &ended.response) {
                (0, Some(response)) => {
                    assert!(response.status == 200 && ended.broke_off, "{count}: {ended:?}")
                }
                (_, Some(response)) => assert_eq!(response.code().as_deref(), Some("revoked"), "{count}"),
                (_, None) => panic!("stream {count} got no answer"),
            }
        }
        assert_eq!(world.upstream.open_streams(), STREAMS, "round {round}: others were ended");
        assert!(others.iter().all(|stream| !stream.is_finished()), "round {round}");
        others.iter().for_each(JoinHandle::abort);
        until_open(&world, 0).await;
    }
    took.sort();
    let (p50, p99) = (quantile(&took, 50), quantile(&took, 99));
    println!("{} rounds: {STREAMS} streams ended p50 {p50:?}, p99 {p99:?} after the answer", took.len());
    assert!(p99 < P99 * if cfg!(debug_assertions) { 8 } else { 1 }, "{p99:?}");
    let stats = get(world.envoy.admin(), "/stats?filter=portcullis_seal").await.unwrap().text();
    let ended = u64::try_from(STREAMS).unwrap() * rounds();
    assert!(stats.contains(&format!("portcullis_seal_ended_revoked: {ended}\n")), "{stats}");
    assert!(stats.contains("portcullis_seal_live_streams: 0\n"), "{stats}");
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}
