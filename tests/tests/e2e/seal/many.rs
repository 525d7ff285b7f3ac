//! Many streams at once: all that must end do, soon, and no other is touched. `./dev test` runs one round, `./dev soak` all.

use std::time::{Duration, Instant};

use portcullis_tests::agent::hello;
use portcullis_tests::client::get;
use portcullis_tests::condition::until;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::signed_bundles;
use portcullis_tests::soak::rounds;
use portcullis_tests::world::World;
use serde_json::Value;
use warrant::Denial;
use warrant::mint::Signer;

use super::family::{Family, world};
use super::stream_set::assert_accounted_for;
use super::until_open;

/// Under each of the two roots.
const STREAMS: usize = 200;
/// Under one root, in one worker.
const MANY: usize = 2_000;
/// For a round of `./dev soak`, where nothing else runs.
const P99: Duration = Duration::from_millis(250);
/// For the one round of `./dev test`, beside many other tests.
const BESIDE_OTHER_TESTS: Duration = Duration::from_secs(2);

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
    let world = world(2).await;
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
    let mut left = Vec::new();
    for round in 1..=rounds {
        left.push(Family::new(&world.agent).open(&world, 100).await.leave(&world).await);
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
    world.envoy.until_stat("wasmcustom.portcullis_seal_live_streams", 0).await;
    assert_eq!(world.envoy.stat("wasmcustom.portcullis_gate_became_stopped").await.unwrap_or_default(), 0);
    assert_accounted_for(&world, &left).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_is_revoked_while_200_streams_of_all_kinds_run_under_its_descendants_beside_200_others() {
    let world = world(2).await;
    let (mut at_upstream, mut at_clients, mut sets) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 1..=rounds() {
        let (revoked, other) = (Family::new(&world.agent), Family::new(&world.agent));
        let ending = revoked.open(&world, STREAMS).await;
        let others = other.open(&world, STREAMS).await;
        let answered = revoked.revoke(&world).await;
        let ended = ending.ended_by(Denial::Revoked).await;
        until_open(&world, STREAMS).await;
        at_upstream
            .push(world.upstream.last_end().expect("streams ended").saturating_duration_since(answered));
        at_clients.push(ended.last.saturating_duration_since(answered));
        others.assert_untouched();
        sets.extend([ended, others.leave(&world).await]);
    }
    for took in [&mut at_upstream, &mut at_clients] {
        took.sort();
    }
    let [p50, p99] = [50, 99].map(|hundredths| quantile(&at_upstream, hundredths));
    println!(
        "{} rounds: the upstream saw the last of {STREAMS} ends p50 {p50:?}, p99 {p99:?} after the answer",
        rounds()
    );
    let [client_p50, client_p99] = [50, 99].map(|hundredths| quantile(&at_clients, hundredths));
    println!("the clients saw it p50 {client_p50:?}, p99 {client_p99:?} after the answer");
    assert!(p99 < if rounds() > 1 { P99 } else { BESIDE_OTHER_TESTS }, "{p99:?}");
    let ended = u64::try_from(STREAMS).unwrap() * rounds();
    assert_ended(&world, "revoked", ended).await;
    assert_accounted_for(&world, &sets).await;
    world.allows(&Family::new(&world.agent).request(&world)).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_streams_of_one_worker_end_in_one_go_and_the_next_request_is_allowed() {
    let world = world(1).await;
    let (revoked, other) = (Family::new(&world.agent), Family::new(&world.agent));
    let vms = async || get(world.envoy.admin(), "/stats?filter=wasm.*(created|reload)").await.unwrap().text();
    let before = vms().await;
    assert!(before.contains("portcullis.seal.vm_reload: 0\n"), "{before}");
    let began = Instant::now();
    let ending = revoked.open(&world, MANY).await;
    println!("{MANY} streams run {:?} after the first was opened", began.elapsed());
    let answered = revoked.revoke(&world).await;
    world.allows(&other.request(&world)).await;
    println!("another request was allowed {:?} after the answer", answered.elapsed());
    let ended = ending.ended_by(Denial::Revoked).await;
    until_open(&world, 0).await;
    let took = world.upstream.last_end().expect("streams ended").saturating_duration_since(answered);
    println!("the upstream saw the last of {MANY} ends {took:?} after the answer");
    assert_ended(&world, "revoked", u64::try_from(MANY).unwrap()).await;
    assert_eq!(vms().await, before, "no VM was replaced");
    world.denies(&revoked.request(&world), 403, "revoked").await;
    assert_accounted_for(&world, &[ended]).await;
    world.end().await;
}

/// Asserts that the seal has ended so many streams for this reason, and that none runs.
async fn assert_ended(world: &World, code: &str, count: u64) {
    world.envoy.until_stat("wasmcustom.portcullis_seal_live_streams", 0).await;
    let stats = get(world.envoy.admin(), "/stats?filter=portcullis_seal").await.unwrap().text();
    assert!(stats.contains(&format!("portcullis_seal_ended_{code}: {count}\n")), "{stats}");
    assert!(!stats.contains("portcullis_seal_not_ended"), "{stats}");
}
