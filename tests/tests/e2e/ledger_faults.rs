//! Nothing can be recorded: nothing is allowed, and everybody is told. Too much is denied: it is counted.

use portcullis_tests::agent::hello;
use portcullis_tests::client::get;
use portcullis_tests::condition::until;
use portcullis_tests::court::Court;
use portcullis_tests::record::Record;
use portcullis_tests::shipped::read;
use portcullis_tests::world::World;
use serde_json::Value;
use std::fs;

#[tokio::test]
async fn while_nothing_can_be_written_everything_is_denied_and_with_room_it_goes_on_by_itself() {
    let mut world = World::start().await;
    world.court.program.stop().await;
    world.court = Court::start_for_full_disks(&world.home).await;
    let record = Record::of(&world.home, world.directory());
    let ask = || world.agent.asks(&hello(), "GET", "/hello/you");
    until("requests to be allowed", async || (world.send(&ask()).await.status == 200).then_some(())).await;
    let process = world.court.program.pid();

    world.court.disk_full();
    for _ in 0..5 {
        world.denies(&ask(), 503, "ledger-unavailable").await;
    }
    let ready = get(world.court.http(), "/readyz").await.unwrap();
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("quota"), "{}", ready.text());
    let metrics = get(world.court.http(), "/metrics").await.unwrap().text();
    assert!(metrics.contains("portcullis_ledger_refusing_over_quota 1"), "{metrics}");
    let said = world.court.program.log();
    assert!(said.lines().any(|line| line.contains("ERROR") && line.contains("quota")), "{said}");

    world.court.disk_has_room();
    until("the server to be ready again", async || {
        get(world.court.http(), "/readyz").await.filter(|ready| ready.status == 200)
    })
    .await;
    world.allows(&ask()).await;
    assert_eq!(world.court.program.pid(), process, "without a restart");
    let gaps = until("the gap to be published", async || {
        Some(record.of_kind("gap/1")).filter(|gaps| !gaps.is_empty())
    })
    .await;
    let count: u64 = gaps.iter().map(|gap| gap["count"].as_u64().unwrap()).sum();
    assert!(count >= 5, "each denied request is in the gap: {gaps:?}");
    assert_eq!(record.audit(&record.folder(), &[]).0, 0);
}

#[tokio::test]
async fn a_flood_of_denials_is_counted_and_its_answers_say_so() {
    let mut world = World::start().await;
    world.court.program.stop().await;
    change_limits(&world);
    world.court = Court::start(&world.home).await;
    let record = Record::of(&world.home, world.directory());
    let flood = world.agent.asks(&hello(), "GET", "/hello/you?more=1");
    until("the server to judge", async || (world.send(&flood).await.status == 403).then_some(())).await;
    let before = record.has_decisions(1).await.len();
    const SENT: usize = 100;
    let mut summarised = 0;
    for _ in 0..SENT {
        let answer = world.denies(&flood, 403, "outside-warrant").await;
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        summarised += usize::from(problem["recorded"] == "summary");
    }
    assert!(summarised > 0, "not one of {SENT} was too much");
    let counted = |kind: &str| -> u64 {
        record.of_kind(kind).iter().map(|entry| entry["count"].as_u64().unwrap()).sum()
    };
    let counted = until("the summaries to be published", async || {
        let expected = u64::try_from(summarised).unwrap();
        Some(counted("denials/1")).filter(|counted| *counted >= expected)
    })
    .await;
    let alone = record.decisions().len() - before;
    println!("{SENT} denials: {alone} recorded alone, {counted} in summaries");
    assert_eq!(alone + usize::try_from(counted).unwrap(), SENT, "none is neither");
    // An allow is never summarised.
    let executed = world.upstream.hits().len();
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
    assert_eq!(world.upstream.hits().len(), executed + 1);
}

#[tokio::test]
async fn figures_tell_how_the_ledger_grows() {
    let world = World::start().await;
    for n in 0..10 {
        world.allows(&world.agent.asks(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    let metrics = get(world.court.http(), "/metrics").await.unwrap().text();
    let figure = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(&format!("portcullis_{name} ")));
        line.unwrap_or_else(|| panic!("no {name}:\n{metrics}")).rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(figure("ledger_entries_total") >= 13.0, "init, start, activation and ten decisions");
    assert!(figure("ledger_written_bytes_total") > 5000.0);
    assert!(figure("ledger_disk_total_bytes") > figure("ledger_disk_free_bytes"));
    assert!(metrics.contains("portcullis_ledger_entries_per_second"));
}

/// One a second, beside each source's own share.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn change_limits(world: &World) {
    let file = world.home.file("portcullis.yaml");
    let mut configuration = read(&file);
    configuration["limits"]["denialsPerSecond"] = 1.into();
    fs::write(&file, serde_json::to_vec_pretty(&configuration).unwrap()).unwrap();
}
