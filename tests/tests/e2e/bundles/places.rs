//! Where bundles come from besides a folder, and the candidate beside the one in force.

use super::Signers;
use portcullis_tests::agent::hello;
use portcullis_tests::client::get;
use portcullis_tests::condition::until;
use portcullis_tests::court::Home;
use portcullis_tests::press::Bundle;
use portcullis_tests::site::Site;
use portcullis_tests::world::Setup;
use serde_json::{Value, json};

const HELLO: &str = "routes/demo/hello.json";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_behind_an_address_is_taken_and_what_is_known_is_not_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let signers = Signers::of(&home);
    let site = Site::of(signers.place.clone()).await;
    home.configure(|configuration| {
        let bundle = configuration["bundle"].as_object_mut().unwrap();
        bundle.remove("directory");
        bundle.remove("noteKey");
        bundle.insert("url".to_owned(), site.url().into());
    });
    let sound = Bundle::of(&home);
    let world = Setup::default().around(directory, home).await;
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
    assert_eq!(site.answered(&format!("/1/{HELLO}"), 200), 1);
    until("the manifest to be known", async || (site.answered("/manifest.json", 304) > 1).then_some(()))
        .await;
    assert_eq!(site.answered("/manifest.json", 200), 1, "it had not changed");

    // One route is another: it alone is fetched.
    signers
        .publish(&sound.version(2).edit(HELLO, |hello| hello["spec"]["callers"] = json!(["agent:nobody"])));
    world.court.bundle_says("version 2 (sha256:").await;
    world.denies(&world.agent.asks(&hello(), "GET", "/hello/you"), 403, "policy-denied").await;
    assert_eq!(site.answered(&format!("/2/{HELLO}"), 200), 1);
    assert_eq!(site.answered("/2/mesh.json", 200), 0, "it had not changed");

    // The site goes away: what is in force stays, and it is said.
    drop(site);
    let said = world.court.bundle_says("cannot be read").await;
    assert!(said.starts_with("version 2 "), "{said}");
    world.denies(&world.agent.asks(&hello(), "GET", "/hello/you"), 403, "policy-denied").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_is_judged_beside_and_its_differences_are_counted_and_listed() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let signers = Signers::of(&home);
    let beside = home.file("candidate");
    let candidate = Bundle::of(&home).version(2);
    let candidate = candidate.edit(HELLO, |hello| hello["spec"]["callers"] = json!(["agent:nobody"]));
    candidate.signed(&[&signers.bundle]).put(&beside);
    home.configure(|configuration| configuration["candidate"] = json!({"directory": "candidate"}));
    let world = Setup::default().around(directory, home).await;
    let standing = async || {
        let answer = get(world.court.http(), "/candidate").await.expect("it answers");
        serde_json::from_slice::<Value>(&answer.body).expect("JSON")
    };
    until("the candidate to be judged by", async || (standing().await["version"] == 2).then_some(())).await;

    for _ in 0..3 {
        world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
    }
    world.denies(&world.agent.asks(&hello(), "GET", "/nowhere"), 403, "outside-warrant").await;

    let seen = until("what was judged to be judged again", async || {
        let seen = standing().await;
        (seen["differing"] == 3).then_some(seen)
    })
    .await;
    let difference = json!({"route": "hello", "active": "allow", "candidate": "policy-denied", "count": 3});
    assert_eq!(seen["differences"], json!([difference]), "{seen}");
    assert_eq!(seen["passed_over"], 0, "{seen}");
    let figures = get(world.court.http(), "/metrics").await.expect("it answers").text();
    assert!(figures.contains("portcullis_candidate_differing_total 3"), "{figures}");
    assert!(figures.contains("portcullis_bundle_version 1"), "{figures}");

    // A candidate that nobody signed is none; the one before is still judged by, and it is said.
    let unsigned = candidate.version(3).signed(&[]);
    unsigned.put(&beside);
    until("the candidate to be refused", async || {
        let seen = standing().await;
        seen["complaint"].as_str().is_some_and(|why| why.contains("0 good signatures")).then_some(())
    })
    .await;
    assert_eq!(standing().await["version"], 2);
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
}
