//! Runs every shell block of the auditor's guide `docs/ledger.md`, in order and as they are, while a server runs.

use portcullis_tests::agent::hello;
use portcullis_tests::condition::until;
use portcullis_tests::guide::{blocks, shell};
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::programs::repository;
use portcullis_tests::world::World;
use std::fs;

#[tokio::test]
async fn every_command_of_the_auditors_guide_does_what_it_says() {
    let world = World::start().await;
    for n in 0..3 {
        world.allows(&world.agent.request(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    until("outcomes to be published", async || (auditor.of_kind("outcome/1").len() == 3).then_some(())).await;

    let guide = fs::read_to_string(repository().join("docs/ledger.md")).unwrap();
    let blocks = blocks(&guide, "sh");
    let mut commands = 0;
    for block in &blocks {
        commands += block.lines().filter(|line| line.starts_with("portcullis ")).count();
        let output = shell(world.directory(), block);
        assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(blocks.len() >= 5 && commands >= 11, "{commands} commands in {} blocks", blocks.len());
    for file in ["decisions.jsonl", "outcomes.jsonl"] {
        let exported = fs::read_to_string(world.directory().join(file)).unwrap();
        assert_eq!(exported.lines().count(), 3, "{file}");
    }
    let longest = auditor.of_kind("outcome/1").iter().map(|outcome| outcome.to_string().len()).max();
    println!("the largest outcome has {} bytes", longest.unwrap());
    world.end().await;
}
