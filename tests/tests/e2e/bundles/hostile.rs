//! Validly signed bundles with policies that would harm the process or deceive its readers: a signer may be in the wrong
//! hands. Refused by name, and the process lives.

use super::Signers;
use portcullis_tests::agent::hello;
use portcullis_tests::press::{Bundle, put_note};
use portcullis_tests::world::World;

const PAY: &str = "routes/demo/pay.json";

fn policies() -> [(&'static str, String); 6] {
    let when = |text: &str| format!("permit (principal, action, resource) when {{ {text} }};");
    [
        ("brackets nested more than 32 deep", when(&format!("{}1 == 1{}", "(".repeat(150), ")".repeat(150)))),
        ("more than 256 operators", when(&format!("1{} > 0", " + 1".repeat(600)))),
        ("524288 is the most", format!("// {}", "x".repeat(1024 * 1024))),
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
async fn hostile_policies_under_good_signatures_are_refused_by_name_and_the_process_lives() {
    let world = World::start().await;
    let signers = Signers::of(&world.home);
    let sound = Bundle::of(&world.home);
    for (version, (what, policy)) in (2..).zip(policies()) {
        let offered = sound.clone().version(version).edit(PAY, |pay| pay["spec"]["policy"] = policy.into());
        let pressed = offered.signed(&[&signers.bundle]);
        put_note(&pressed.note(600, &signers.note), &signers.place);
        pressed.put(&signers.place);
        let said = world.court.bundle_says(what).await;
        assert!(said.starts_with("version 1 ") && said.contains(PAY), "{said}");
        world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
    }
    // The same documents with a policy that is none of these are taken.
    let harmless = "forbid (principal, action, resource) when { context.host == \"x\" };";
    signers.publish(&sound.version(99).edit(PAY, |pay| pay["spec"]["policy"] = harmless.into()));
    world.court.bundle_says("version 99 (sha256:").await;
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
}
