//! Bundles with valid signatures and policies that would harm the server or deceive a reader: an attacker may have a signing
//! key. Each is refused with a message, and the server keeps running.

use super::Signers;
use portcullis_tests::agent::hello;
use portcullis_tests::signed_bundles::{UnsignedBundle, put_note};
use portcullis_tests::world::World;

const PAY: &str = "routes/demo/pay.json";

fn policies() -> [(&'static str, String); 6] {
    let when = |text: &str| format!("permit (principal, action, resource) when {{ {text} }};");
    [
        ("brackets nested more than 32 deep", when(&format!("{}1 == 1{}", "(".repeat(150), ")".repeat(150)))),
        ("more than 256 operators", when(&format!("1{} > 0", " + 1".repeat(600)))),
        ("the maximum is 524288", format!("// {}", "x".repeat(1024 * 1024))),
        ("U+202E", format!("// \u{202e} hidden\n{}", when("context.host == \"x\""))),
        ("a template slot", "forbid (principal == ?principal, action, resource);".to_owned()),
        (
            "limited to something other than this route",
            "forbid (principal, action, resource == Route::\"hello\") when { context.host == \"x\" };"
                .to_owned(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_policies_with_valid_signatures_are_refused_with_a_message_and_the_server_keeps_running() {
    let world = World::start().await;
    let signers = Signers::of(&world.home);
    let sample = UnsignedBundle::of(&world.home);
    for (version, (what, policy)) in (2..).zip(policies()) {
        let offered = sample.clone().version(version).edit(PAY, |pay| pay["spec"]["policy"] = policy.into());
        let signed = offered.signed(&[&signers.bundle]);
        put_note(&signed.note(600, &signers.note), &signers.place);
        signed.put(&signers.place);
        let state = world.server.wait_for_bundle_state(what).await;
        assert!(state.starts_with("version 1 ") && state.contains(PAY), "{state}");
        world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    }
    // The same documents with a harmless policy are accepted.
    let harmless = "forbid (principal, action, resource) when { context.host == \"x\" };";
    signers.publish(&sample.version(99).edit(PAY, |pay| pay["spec"]["policy"] = harmless.into()));
    world.server.wait_for_bundle_state("version 99 (sha256:").await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}
