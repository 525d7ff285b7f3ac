//! Every bundle that was in force is kept beside the log, before its activation is recorded.

use super::Signers;
use portcullis_tests::agent::hello;
use portcullis_tests::command::portcullis;
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::server::Server;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::World;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// Waits until an allow by this version is published.
async fn allow_by_version(world: &World, auditor: &LedgerAuditor, version: u64) {
    until("an allow by the new bundle", async || {
        world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
        let by = |decision: &Value| decision["bundle"]["version"] == version;
        auditor.decisions().iter().any(by).then_some(())
    })
    .await;
}

#[tokio::test]
async fn decisions_under_earlier_bundles_are_judged_and_explained_after_their_directory_was_emptied() {
    let mut world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let signers = Signers::of(&world.home);
    world.allows(&world.agent.request(&hello(), "GET", "/hello/first")).await;
    let first = auditor.wait_for_decisions(1).await[0]["id"].as_str().unwrap().to_owned();
    for version in [2, 3] {
        signers.publish(&UnsignedBundle::of(&world.home).version(version));
        allow_by_version(&world, &auditor, version).await;
    }
    world.server.process.stop().await;
    let digests = |decisions: &[Value]| {
        let digest = |decision: &Value| decision["bundle"]["digest"].as_str().unwrap().to_owned();
        decisions.iter().map(digest).collect::<BTreeSet<_>>()
    };
    assert_eq!(digests(&auditor.decisions()).len(), 3);

    // Nobody kept anything but the ledger.
    let bundle = world.home.file("bundle");
    let aside = world.directory().join("bundle-aside");
    rename(&bundle, &aside);
    fs::create_dir(&bundle).unwrap();
    let replayed = auditor.run("replay", auditor.folder(), &["--json"]).success();
    let counts: Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!((&counts["differs"], &counts["same"]), (&0.into(), &counts["decisions"]), "{counts}");
    let home = world.home.file("").display().to_string();
    let explained = portcullis(&["policy", "explain", "--decision", &first, "--home", &home]).success();
    assert!(
        explained.contains("bundle:   version 1") && explained.contains("with the same result"),
        "{explained}"
    );
    // The published log alone has no bundles.
    let alone = auditor.run("replay", auditor.folder().join("log"), &[]);
    assert!(alone.status == 2 && alone.err.contains("--bundles"), "{alone:?}");

    // A start writes the copy of the active bundle again if somebody removed it.
    fs::remove_dir(&bundle).unwrap();
    rename(&aside, &bundle);
    let kept = auditor.folder().join("bundles");
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 3);
    for file in fs::read_dir(&kept).unwrap() {
        let file = file.unwrap().path();
        let active = digests(&auditor.decisions().split_off(auditor.decisions().len() - 1));
        let is_active =
            active.iter().any(|digest| digest.ends_with(file.file_stem().unwrap().to_str().unwrap()));
        if is_active {
            fs::remove_file(file).unwrap();
        }
    }
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 2);
    world.server = Server::start(&world.home).await;
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 3);
    world.end().await;
}

#[tokio::test]
async fn a_bundle_whose_copy_cannot_be_written_is_not_activated_until_it_can() {
    let mut world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let (kept, aside) = (auditor.folder().join("bundles"), world.directory().join("kept-aside"));
    rename(&kept, &aside);
    // A file in the place of the directory: nothing can be written below it.
    overwrite(&kept, b"");
    Signers::of(&world.home).publish(&UnsignedBundle::of(&world.home).version(2));
    let is_named = |line: &str| {
        line.contains("version 2 is not in force yet: its copy could not be written").then_some(())
    };
    world.server.process.find_in_log("the refusal", is_named).await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    let decisions = auditor.wait_for_decisions(1).await;
    assert_eq!(decisions[0]["bundle"]["version"], 1, "the active bundle stays");
    assert_eq!(auditor.of_kind("activation/1").len(), 1, "nothing was recorded");

    fs::remove_file(&kept).unwrap();
    rename(&aside, &kept);
    allow_by_version(&world, &auditor, 2).await;
    world.end().await;
}

#[expect(clippy::disallowed_methods, reason = "a test's own directory needs no durability")]
fn rename(from: &std::path::Path, to: &std::path::Path) {
    fs::rename(from, to).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn overwrite(file: &std::path::Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
}
