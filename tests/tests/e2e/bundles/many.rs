//! Ten thousand routes are compiled and activated in the background, while decisions go on.

use super::Signers;
use portcullis_tests::agent::hello;
use portcullis_tests::offline_ledger;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{Setup, World};
use serde_json::Value;
use std::time::{Duration, Instant};

const HELLO: &str = "routes/demo/hello.json";
const ROUTES: usize = 10_000;
/// The shipped time limit of a decision. The measured time includes the way through Envoy.
const DEADLINE: Duration = Duration::from_millis(500);
const POLICY: &str =
    "@id(\"limit\") forbid (principal, action, resource) when { context.path like \"*secret*\" };";

/// The sample with many more routes like `hello`, each with its own policy.
fn many(sample_bundle: UnsignedBundle) -> UnsignedBundle {
    let sample: Value = serde_json::from_slice(&sample_bundle.files[HELLO]).unwrap();
    let mut all = sample_bundle.version(2);
    for number in 2..ROUTES {
        let (mut route, name) = (sample.clone(), format!("route-{number}"));
        route["metadata"]["name"] = name.clone().into();
        route["spec"]["match"][0]["paths"] = serde_json::json!([format!("/r/{}/{number}/**", number % 97)]);
        route["spec"]["policy"] = POLICY.into();
        all.files.insert(format!("routes/demo/{name}.json"), serde_json::to_vec(&route).unwrap());
    }
    all
}

/// Measures times and checks their limits. Run it alone, built with `--release`, on a machine that does nothing else, with
/// `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn no_decision_waits_while_ten_thousand_routes_are_activated() {
    let world = World::start().await;
    let signers = Signers::of(&world.home);
    let large = many(UnsignedBundle::of(&world.home));
    let warrant = world.agent.warrant(&hello());
    signers.publish(&large);
    let (published, mut took) = (Instant::now(), Vec::new());
    loop {
        let request =
            portcullis_tests::client::ClientRequest::new("GET", portcullis_tests::world::HOST, "/hello/you");
        let request = world.agent.present(&warrant, request);
        let begin = Instant::now();
        let answer = world.send(&request).await;
        took.push(begin.elapsed());
        assert_eq!(answer.status, 200, "{}", answer.text());
        if world.server.bundle_state().await.starts_with("version 2 ") {
            break;
        }
    }
    let live = published.elapsed();
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 1000];
    println!(
        "{ROUTES} routes were active {live:?} after their publication; {} requests until then: median {:?}, p99 {:?}, slowest {:?}",
        took.len(),
        at(500),
        at(990),
        at(1000)
    );
    assert!(live < Duration::from_secs(15), "{live:?}");
    assert!(at(1000) < DEADLINE, "a decision took {:?}", at(1000));
    world.end().await;
}

/// The most memory with ten thousand routes and many facts, and while a second bundle of that size is activated.
const MEMORY: u64 = 256 << 20;
const MEMORY_WHILE_ACTIVATING: u64 = 400 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn a_server_with_ten_thousand_routes_and_a_million_uses_stays_small() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    offline_ledger::fill(&home, 100_000, 1_000_000);
    let (signers, large) = (Signers::of(&home), many(UnsignedBundle::of(&home)));
    signers.publish(&large);
    // A server that has run for a while has a snapshot to start from.
    let mut before = Server::start(&home).await;
    before.process.find_in_log("a snapshot", |log| log.find("saved a snapshot of the facts")).await;
    drop(before);
    let mut world = Setup::default().start_in(directory, home).await;
    world.replay_check.skip_because("the log was filled with decisions under no bundle");
    let warrant = world.agent.warrant(&hello());
    let allowed = async || {
        let request =
            portcullis_tests::client::ClientRequest::new("GET", portcullis_tests::world::HOST, "/hello/you");
        assert_eq!(world.send(&world.agent.present(&warrant, request)).await.status, 200);
    };
    allowed().await;
    let mib = |bytes: u64| bytes >> 20;
    let (own, most) = (world.server.process.own_resident_bytes(), world.server.process.most_memory());
    println!("{ROUTES} routes, 100,000 revocations, 1,000,000 uses: {} MiB, {} at most", mib(own), mib(most));
    signers.publish(&large.version(3));
    world.server.wait_for_bundle_state("version 3 ").await;
    allowed().await;
    let (after, most) = (world.server.process.own_resident_bytes(), world.server.process.most_memory());
    println!("after a second bundle of that size: {} MiB, {} at most", mib(after), mib(most));
    world.end().await;
    assert!(own < MEMORY, "{own}");
    assert!(most < MEMORY_WHILE_ACTIVATING, "{most}");
}
