//! Twenty bundles in ten seconds under load: every request gets a response, and each decision is made by one bundle only.

use super::Signers;
use ledger::Ledger;
use ledger::entry::{DecisionOutcome, Entry, VerdictCode};
use portcullis_tests::agent::hello;
use portcullis_tests::condition::until;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::World;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const HELLO: &str = "routes/demo/hello.json";
const CHANGES: u64 = 20;
const EVERY: Duration = Duration::from_millis(500);
const CLIENTS: usize = 6;

/// Even versions deny what odd ones allow.
fn allows(version: u64) -> bool {
    version % 2 == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_bundles_in_ten_seconds_lose_no_request_and_no_decision_mixes_two_bundles() {
    let world = Arc::new(World::start().await);
    let signers = Signers::of(&world.home);
    let sample = UnsignedBundle::of(&world.home);
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| tokio::spawn(ask_until(over.clone(), world.clone()))).collect();

    let (mut slowest, mut ticks) = (Duration::ZERO, tokio::time::interval(EVERY));
    let begin = Instant::now();
    for version in 2..2 + CHANGES {
        ticks.tick().await;
        let callers = if allows(version) { "agent:demo" } else { "agent:nobody" };
        signers.publish(&sample.clone().version(version).edit(HELLO, |hello| {
            hello["spec"]["callers"] = json!([callers]);
        }));
        let published = Instant::now();
        world.server.wait_for_bundle_state(&format!("version {version} (sha256:")).await;
        slowest = slowest.max(published.elapsed());
    }
    let took = begin.elapsed();
    over.store(true, Ordering::Relaxed);
    let mut answers = BTreeMap::<(u16, Option<String>), u64>::new();
    for client in clients {
        for answer in client.await.expect("every request was answered") {
            *answers.entry(answer).or_default() += 1;
        }
    }
    println!("{CHANGES} changes in {took:?}, each active after at most {slowest:?}; responses: {answers:?}");
    assert!(took < Duration::from_secs(11), "{took:?}");
    assert!(slowest < Duration::from_secs(1), "a bundle was active only after {slowest:?}");
    let expected = [(200, None), (403, Some("policy-denied".to_owned()))];
    assert!(answers.keys().eq(&expected), "both verdicts and nothing else: {answers:?}");

    let world = Arc::into_inner(world).expect("the clients are gone");
    until("the record to be published", async || check_record(&world, answers.values().sum())).await;
    world.end().await;
}

/// Sends one request after the other, each with a new proof.
async fn ask_until(over: Arc<AtomicBool>, world: Arc<World>) -> Vec<(u16, Option<String>)> {
    let warrant = world.agent.warrant(&hello());
    let mut answers = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let request =
            portcullis_tests::client::ClientRequest::new("GET", portcullis_tests::world::HOST, "/hello/you");
        let answer = world.send(&world.agent.present(&warrant, request)).await;
        answers.push((answer.status, answer.code()));
    }
    answers
}

/// Checks every decision against the activations around it. Returns None until all requests are on record.
fn check_record(world: &World, asked: u64) -> Option<()> {
    let (mut activations, mut seen, mut allowed) = (Vec::<(u64, u64)>::new(), 0_u64, 0_u64);
    let newest = |activations: &[(u64, u64)], before: u64| {
        activations.iter().rev().find(|(index, _)| *index < before).map(|(_, version)| *version)
    };
    for record in Ledger::entries(&world.home.file("ledger"), 0).expect("a ledger") {
        let record = record.expect("a whole record");
        match record.entry {
            Entry::Activation(activation) => activations.push((record.index, activation.version)),
            Entry::Denials(denials) => seen += denials.count,
            Entry::Decision(decision) => {
                seen += 1;
                let version = decision.bundle.as_ref().expect("a decision names its bundle").version;
                assert_eq!(
                    Some(version),
                    newest(&activations, decision.as_of),
                    "the newest bundle at the time of its facts: {decision:?}"
                );
                let is_permit = decision.verdict.code == VerdictCode::Permit;
                assert_eq!(is_permit, allows(version), "version {version}: {decision:?}");
                if decision.outcome == DecisionOutcome::Allowed {
                    allowed += 1;
                    assert_eq!(
                        Some(version),
                        newest(&activations, record.index),
                        "an allow is made by the active bundle: {decision:?}"
                    );
                }
            }
            Entry::Init(_)
            | Entry::Start(_)
            | Entry::Stop(_)
            | Entry::Issued(_)
            | Entry::Revocation(_)
            | Entry::Reinstate(_)
            | Entry::Attestation(_)
            | Entry::Condition(_)
            | Entry::Posture(_)
            | Entry::Outcome(_)
            | Entry::Ungoverned(_)
            | Entry::Gap(_)
            | Entry::Archived(_)
            | Entry::Reads(_)
            | Entry::Restored(_) => {}
        }
    }
    assert!(activations.is_sorted_by(|one, other| one.1 < other.1), "{activations:?}");
    let is_whole = seen >= asked && u64::try_from(activations.len()) == Ok(CHANGES + 1);
    is_whole
        .then(|| println!("{seen} decisions on record, {allowed} allowed, {} activations", activations.len()))
}
