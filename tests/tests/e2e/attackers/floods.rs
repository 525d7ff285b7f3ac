//! Floods of facts: decisions do not wait for them, and one caller does not keep another from revoking.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portcullis_tests::agent::hello;
use portcullis_tests::attestor::{Attestor, build};
use portcullis_tests::condition::until;
use serde_json::json;
use tokio::task::JoinSet;

use super::api::TlsApi;

const FACTS: usize = 2048;
/// Each may bring 100 facts at once and 20 a second, and all together 1,000 at once and 400 a second.
const CALLERS: usize = 24;
/// How many call at the same time. They share two processors with the server that they flood.
const CONNECTIONS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_2048_facts_that_concern_nobody_are_recorded_every_decision_is_made_in_time() {
    let api = Arc::new(TlsApi::start(None).await);
    let from = Instant::now();
    let (recorded, next) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let mut callers = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let (api, recorded, next) = (Arc::clone(&api), Arc::clone(&recorded), Arc::clone(&next));
        callers.spawn(async move {
            let name = |caller: usize| format!("spiffe://demo/ns/ops/sa/caller-{caller}");
            let all: Vec<_> = (connection..CALLERS).step_by(CONNECTIONS).map(name).collect();
            let all: Vec<_> = all.iter().map(|name| api.workload(name)).collect();
            for client in all.iter().cycle() {
                if recorded.load(Ordering::Relaxed) >= FACTS {
                    return;
                }
                let holder = format!("agent:nobody-{}", next.fetch_add(1, Ordering::Relaxed));
                let response = api.revoke(client, &[], &holder).await;
                match response.status {
                    201 => drop(recorded.fetch_add(1, Ordering::Relaxed)),
                    // This caller, or all together, have had their share of this second.
                    429 => {}
                    other => panic!("{other}: {}", response.text()),
                }
            }
        });
    }
    let (mut allowed, mut longest) = (0, Duration::ZERO);
    while recorded.load(Ordering::Relaxed) < FACTS {
        let from = Instant::now();
        api.world.allows(&api.world.agent.request(&hello(), "GET", "/hello/you")).await;
        longest = longest.max(from.elapsed());
        allowed += 1;
    }
    let took = from.elapsed();
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    println!(
        "{FACTS} facts in {took:?}; meanwhile {allowed} requests were allowed, the slowest after {longest:?}"
    );
    assert!(allowed > 20, "this test shows nothing: {allowed} requests");
    Arc::into_inner(api).expect("every caller has ended").world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_one_attestor_floods_another_caller_revokes_at_once() {
    const REVOCATIONS: usize = 50;
    let api = Arc::new(TlsApi::start(None).await);
    let (taken, refused, is_over) =
        (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let mut flood = JoinSet::new();
    for connection in 0..8 {
        let (taken, refused, is_over) = (Arc::clone(&taken), Arc::clone(&refused), Arc::clone(&is_over));
        let (api, attestor) = (Arc::clone(&api), Attestor::of(&api.world.home));
        flood.spawn(async move {
            let client = api.workload("spiffe://demo/ns/demo/sa/attestor");
            for n in 0.. {
                let workload = format!("spiffe://demo/ns/demo/sa/workload-{connection}-{n}");
                let body = json!({"statement": attestor.about(&workload, &build(1), 0, |_| {})});
                let response = api.post(&client, "/v1/attestations", &[], &body).await;
                match response.status {
                    201 => taken.fetch_add(1, Ordering::Relaxed),
                    429 => refused.fetch_add(1, Ordering::Relaxed),
                    other => panic!("{other}: {}", response.text()),
                };
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
    }
    until("the attestor to have had its share", async || {
        (refused.load(Ordering::Relaxed) >= 50).then_some(())
    })
    .await;
    let sre = api.workload("spiffe://demo/ns/ops/sa/sre");
    let mut longest = Duration::ZERO;
    for n in 0..REVOCATIONS {
        let from = Instant::now();
        let response = api.revoke(&sre, &[], &format!("agent:stranger-{n}")).await;
        assert_eq!(response.status, 201, "{}", response.text());
        longest = longest.max(from.elapsed());
    }
    is_over.store(true, Ordering::Relaxed);
    while let Some(connection) = flood.join_next().await {
        connection.unwrap();
    }
    println!(
        "the attestor: {} taken, {} refused; meanwhile {REVOCATIONS} revocations, the slowest after {longest:?}",
        taken.load(Ordering::Relaxed),
        refused.load(Ordering::Relaxed)
    );
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    api.world.allows(&api.world.agent.request(&hello(), "GET", "/hello/you")).await;
    Arc::into_inner(api).expect("every connection has ended").world.end().await;
}
