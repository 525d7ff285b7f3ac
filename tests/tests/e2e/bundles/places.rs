//! Bundles from a URL, and the candidate bundle that is judged in the background.

use super::Signers;
use portcullis_tests::agent::hello;
use portcullis_tests::client::{get, get_from_socket};
use portcullis_tests::condition::until;
use portcullis_tests::server::Home;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::web_server::WebServer;
use portcullis_tests::world::Setup;
use serde_json::{Value, json};

const HELLO: &str = "routes/demo/hello.json";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_is_fetched_from_a_url_and_unchanged_files_are_not_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let signers = Signers::of(&home);
    let web_server = WebServer::start(signers.place.clone()).await;
    home.configure(|configuration| {
        let bundle = configuration["bundle"].as_object_mut().unwrap();
        bundle.remove("directory");
        bundle.remove("noteKey");
        bundle.insert("url".to_owned(), web_server.url().into());
    });
    let sample = UnsignedBundle::of(&home);
    let world = Setup::default().start_in(directory, home).await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    assert_eq!(web_server.count(&format!("/1/{HELLO}"), 200), 1);
    until("the manifest to be known", async || (web_server.count("/manifest.json", 304) > 1).then_some(()))
        .await;
    assert_eq!(web_server.count("/manifest.json", 200), 1, "it had not changed");

    // One route has changed: only its file is fetched.
    signers
        .publish(&sample.version(2).edit(HELLO, |hello| hello["spec"]["callers"] = json!(["agent:nobody"])));
    world.server.wait_for_bundle_state("version 2 (sha256:").await;
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 403, "policy-denied").await;
    assert_eq!(web_server.count(&format!("/2/{HELLO}"), 200), 1);
    assert_eq!(web_server.count("/2/mesh.json", 200), 0, "it had not changed");

    // The web server ends: the active bundle stays, and its state says why nothing newer can be read.
    drop(web_server);
    let state = world.server.wait_for_bundle_state("cannot be read").await;
    assert!(state.starts_with("version 2 "), "{state}");
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 403, "policy-denied").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_is_judged_in_the_background_and_its_differences_are_counted_and_listed() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let signers = Signers::of(&home);
    let place = home.file("candidate");
    let candidate = UnsignedBundle::of(&home).version(2);
    let candidate = candidate.edit(HELLO, |hello| hello["spec"]["callers"] = json!(["agent:nobody"]));
    candidate.signed(&[&signers.bundle]).put(&place);
    home.configure(|configuration| configuration["candidate"] = json!({"directory": "candidate"}));
    let world = Setup::default().start_in(directory, home).await;
    let candidate_status = async || {
        let answer = get_from_socket(&world.home.api(), "/v1/candidate").await.expect("it answers");
        serde_json::from_slice::<Value>(&answer.body).expect("JSON")
    };
    until("the candidate to be loaded", async || (candidate_status().await["version"] == 2).then_some(()))
        .await;

    for _ in 0..3 {
        world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    }
    world.denies(&world.agent.request(&hello(), "GET", "/nowhere"), 403, "outside-warrant").await;

    let status = until("the candidate to judge the requests", async || {
        let status = candidate_status().await;
        (status["differing"] == 3).then_some(status)
    })
    .await;
    let difference = json!({"route": "hello", "active": "allow", "candidate": "policy-denied", "count": 3});
    assert_eq!(status["differences"], json!([difference]), "{status}");
    assert_eq!(status["passed_over"], 0, "{status}");
    let figures = get(world.server.health(), "/metrics").await.expect("it answers").text();
    assert!(figures.contains("portcullis_candidate_differing_total 3"), "{figures}");
    assert!(figures.contains("portcullis_bundle_version 1"), "{figures}");

    // An unsigned candidate is refused with a message, and the earlier candidate stays.
    let unsigned = candidate.version(3).signed(&[]);
    unsigned.put(&place);
    until("the candidate to be refused", async || {
        let status = candidate_status().await;
        status["complaint"].as_str().is_some_and(|why| why.contains("0 valid signatures")).then_some(())
    })
    .await;
    assert_eq!(candidate_status().await["version"], 2);
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}
