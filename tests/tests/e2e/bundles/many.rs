//! Ten thousand routes are compiled and put in force beside decisions, not before them.

use super::Signers;
use portcullis_tests::agent::hello;
use portcullis_tests::press::Bundle;
use portcullis_tests::world::World;
use serde_json::Value;
use std::time::{Duration, Instant};

const HELLO: &str = "routes/demo/hello.json";
const ROUTES: usize = 10_000;
/// What the shipped configuration gives a decision; the way through Envoy is measured with it.
const DEADLINE: Duration = Duration::from_millis(500);
const POLICY: &str =
    "@id(\"limit\") forbid (principal, action, resource) when { context.path like \"*secret*\" };";

/// The sample, and routes like `hello` beside it, each with a policy of its own.
fn many(sound: Bundle) -> Bundle {
    let sample: Value = serde_json::from_slice(&sound.files[HELLO]).unwrap();
    let mut all = sound.version(2);
    for number in 2..ROUTES {
        let (mut route, name) = (sample.clone(), format!("route-{number}"));
        route["metadata"]["name"] = name.clone().into();
        route["spec"]["match"][0]["paths"] = serde_json::json!([format!("/r/{}/{number}/**", number % 97)]);
        route["spec"]["policy"] = POLICY.into();
        all.files.insert(format!("routes/demo/{name}.json"), serde_json::to_vec(&route).unwrap());
    }
    all
}

/// Figures with their bounds, for a build with `--release` on a machine that does nothing else: run it alone, with
/// `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn ten_thousand_routes_are_activated_while_no_decision_waits_for_them() {
    let world = World::start().await;
    let signers = Signers::of(&world.home);
    let large = many(Bundle::of(&world.home));
    let warrant = world.agent.warrant(&hello());
    signers.publish(&large);
    let (published, mut took) = (Instant::now(), Vec::new());
    loop {
        let ask = portcullis_tests::client::Ask::new("GET", portcullis_tests::world::HOST, "/hello/you");
        let ask = world.agent.presents(&warrant, ask);
        let begin = Instant::now();
        let answer = world.send(&ask).await;
        took.push(begin.elapsed());
        assert_eq!(answer.status, 200, "{}", answer.text());
        if world.court.bundle().await.starts_with("version 2 ") {
            break;
        }
    }
    let live = published.elapsed();
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 1000];
    println!(
        "{ROUTES} routes live {live:?} after they were published; {} decisions meanwhile, through Envoy: median {:?}, p99 {:?}, slowest {:?}",
        took.len(),
        at(500),
        at(990),
        at(1000)
    );
    assert!(live < Duration::from_secs(15), "{live:?}");
    assert!(at(1000) < DEADLINE, "a decision took {:?}", at(1000));
}
