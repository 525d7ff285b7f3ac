//! When nothing can be recorded, every request is denied and the server says why. When too many requests are denied, the
//! denials are counted instead of recorded one by one.

use portcullis_tests::agent::hello;
use portcullis_tests::client::{ClientRequest, get};
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::operator::done;
use portcullis_tests::preloaded_faults::PreloadedFaults;
use portcullis_tests::server::Server;
use portcullis_tests::world::World;
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use warrant::PresentedWarrant;

#[tokio::test]
async fn a_full_disk_denies_every_request_and_the_server_continues_by_itself_when_there_is_space() {
    let mut world = World::start().await;
    world.server.process.stop().await;
    world.server = Server::start_for_full_disks(&world.home).await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let request = || world.agent.request(&hello(), "GET", "/hello/you");
    until("requests to be allowed", async || (world.send(&request()).await.status == 200).then_some(()))
        .await;
    let process = world.server.process.pid();

    world.server.fill_disk();
    for _ in 0..5 {
        world.denies(&request(), 503, "ledger-unavailable").await;
    }
    let ready = get(world.server.health(), "/readyz").await.unwrap();
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("quota"), "{}", ready.text());
    let metrics = get(world.server.health(), "/metrics").await.unwrap().text();
    assert!(metrics.contains("portcullis_ledger_refusing_over_quota 1"), "{metrics}");
    let is_error = |line: &str| (line.contains("ERROR") && line.contains("quota")).then_some(());
    world.server.process.find_in_log("an error about the quota", is_error).await;

    world.server.free_disk();
    until("the server to be ready again", async || {
        get(world.server.health(), "/readyz").await.filter(|ready| ready.status == 200)
    })
    .await;
    world.allows(&request()).await;
    assert_eq!(world.server.process.pid(), process, "there was no restart");
    let gaps = until("the gap to be published", async || {
        Some(auditor.of_kind("gap/1")).filter(|gaps| !gaps.is_empty())
    })
    .await;
    let count: u64 = gaps.iter().map(|gap| gap["count"].as_u64().unwrap()).sum();
    assert!(count >= 5, "every denied request is counted in a gap: {gaps:?}");
    auditor.audit(auditor.folder(), &[]).expect_holds();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_stops_publishing_first_with_a_remark_and_decisions_only_when_its_reserve_is_used_up()
 {
    let mut world = World::start().await;
    world.server.process.stop().await;
    let machine = PreloadedFaults::new(world.directory());
    world.server = Server::start_with_faults(&world.home, &machine).await;
    let request = || world.agent.request(&hello(), "GET", &format!("/hello/{}", "x".repeat(900)));
    until("requests to be allowed", async || (world.send(&request()).await.status == 200).then_some(()))
        .await;

    machine.fill_disk();
    world.allows(&request()).await;
    let remark = until("the remark about the disk", async || {
        let remark = world.server.readiness_of("ledger").await.expect("entries are still recorded");
        Some(remark).filter(|remark| !remark.is_empty())
    })
    .await;
    assert!(remark.contains("recorded, but not published") && remark.contains("is full"), "{remark}");
    world.allows(&request()).await;
    let metrics = get(world.server.health(), "/metrics").await.unwrap().text();
    assert!(metrics.contains("portcullis_ledger_unpublished 1"), "{metrics}");
    assert!(metrics.contains("portcullis_ledger_refusing_disk_full 0"), "{metrics}");

    let allowed = AtomicUsize::new(0);
    let use_up = async || {
        while world.send(&request()).await.status == 200 {
            allowed.fetch_add(1, Ordering::Relaxed);
        }
    };
    tokio::join!(use_up(), use_up(), use_up(), use_up(), use_up(), use_up(), use_up(), use_up());
    println!("{} requests were allowed on the full disk", allowed.load(Ordering::Relaxed));
    for _ in 0..20 {
        world.denies(&request(), 503, "ledger-unavailable").await;
    }
    let why = world.server.readiness_of("ledger").await.unwrap_err();
    assert!(why.contains("the disk of the ledger is full"), "{why}");
    // Facts have room of their own.
    let revocable = RevocableWarrant::of(&world);
    world.denies(&revocable.request(&world), 503, "ledger-unavailable").await;
    revocable.revoke(&world);
    world.denies(&revocable.request(&world), 403, "revoked").await;
    let log = world.server.process.log();
    let lines = log.lines().filter(|line| line.contains("is full; free some space")).count();
    assert_eq!(lines, 2, "one line when nothing can be published, one when nothing can be recorded:\n{log}");

    machine.free_disk();
    let freed = Instant::now();
    until("the server to be ready again", async || {
        world.server.readiness_of("ledger").await.ok().filter(String::is_empty)
    })
    .await;
    println!("ready again {:?} after there was space", freed.elapsed());
    world.allows(&request()).await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let gaps = until("the gap to be published", async || {
        Some(auditor.of_kind("gap/1")).filter(|gaps| !gaps.is_empty())
    })
    .await;
    let [gap] = gaps.as_slice() else { panic!("one gap: {gaps:?}") };
    assert!(gap["reason"] == "disk-full" && gap["count"].as_u64().unwrap() >= 20, "{gap}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_on_a_full_disk_is_recorded_and_holds_at_once_and_after_a_kill() {
    let mut world = World::start().await;
    world.server.process.stop().await;
    let machine = PreloadedFaults::new(world.directory());
    world.server = Server::start_with_faults(&world.home, &machine).await;
    let warrant = RevocableWarrant::of(&world);
    until("requests to be allowed", async || {
        (world.send(&warrant.request(&world)).await.status == 200).then_some(())
    })
    .await;
    machine.fill_disk();
    world.allows(&warrant.request(&world)).await;
    let index = warrant.revoke(&world);
    world.denies(&warrant.request(&world), 403, "revoked").await;
    world.server.process.kill();
    machine.free_disk();
    world.server = Server::start_with_faults(&world.home, &machine).await;
    until("the server to judge", async || {
        (world.send(&warrant.request(&world)).await.code().as_deref() == Some("revoked")).then_some(())
    })
    .await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let entry = until("the revocation to be published", async || {
        auditor.entries().into_iter().find(|entry| entry["index"] == index)
    })
    .await;
    assert_eq!(entry["entry"]["value"], warrant.jti, "{entry}");
    auditor.audit(auditor.folder(), &[]).expect_holds();
    world.end().await;
}

/// A warrant that is presented several times, and then revoked.
struct RevocableWarrant {
    warrant: String,
    jti: String,
}

impl RevocableWarrant {
    fn of(world: &World) -> RevocableWarrant {
        let warrant = world.agent.warrant(&hello());
        let parsed = PresentedWarrant::parse(warrant.as_bytes()).unwrap();
        let jti = parsed.unverified_claims().unwrap()[0].jti().to_owned();
        RevocableWarrant { warrant, jti }
    }

    fn request(&self, world: &World) -> ClientRequest {
        world.agent.present(&self.warrant, ClientRequest::new("GET", "localhost", "/hello/you"))
    }

    /// Revokes it, and returns the index of the entry.
    fn revoke(&self, world: &World) -> Value {
        let issuer = hello().issuer;
        done(&world.home, &["revoke", "path", &self.jti, "--iss", &issuer])["index"].clone()
    }
}

#[tokio::test]
async fn a_flood_of_denials_is_counted_in_summaries_and_the_responses_say_so() {
    let mut world = World::start().await;
    world.server.process.stop().await;
    change_limits(&world);
    world.server = Server::start(&world.home).await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let denied = world.agent.request(&hello(), "GET", "/hello/you?more=1");
    until("the server to judge", async || (world.send(&denied).await.status == 403).then_some(())).await;
    let before = auditor.wait_for_decisions(1).await.len();
    const SENT: usize = 100;
    let mut summarised = 0;
    for _ in 0..SENT {
        let answer = world.denies(&denied, 403, "outside-warrant").await;
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        summarised += usize::from(problem["recorded"] == "summary");
    }
    assert!(summarised > 0, "none of the {SENT} denials was summarised");
    let counted = |kind: &str| -> u64 {
        auditor.of_kind(kind).iter().map(|entry| entry["count"].as_u64().unwrap()).sum()
    };
    let counted = until("the summaries to be published", async || {
        let expected = u64::try_from(summarised).unwrap();
        Some(counted("denials/1")).filter(|counted| *counted >= expected)
    })
    .await;
    let alone = auditor.decisions().len() - before;
    println!("{SENT} denials: {alone} recorded one by one, {counted} counted in summaries");
    assert_eq!(alone + usize::try_from(counted).unwrap(), SENT, "every denial is either recorded or counted");
    // An allow is never summarised.
    let executed = world.upstream.executions().len();
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    assert_eq!(world.upstream.executions().len(), executed + 1);
    world.end().await;
}

#[tokio::test]
async fn the_metrics_show_how_the_ledger_grows() {
    let world = World::start().await;
    for n in 0..10 {
        world.allows(&world.agent.request(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    let metrics = get(world.server.health(), "/metrics").await.unwrap().text();
    let figure = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(&format!("portcullis_{name} ")));
        line.unwrap_or_else(|| panic!("no {name}:\n{metrics}")).rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(figure("ledger_entries_total") >= 13.0, "init, start, activation and ten decisions");
    assert!(figure("ledger_written_bytes_total") > 5000.0);
    assert!(figure("ledger_disk_total_bytes") > figure("ledger_disk_free_bytes"));
    assert!(metrics.contains("portcullis_ledger_entries_per_second"));
    world.end().await;
}

/// Allows one recorded denial a second, in addition to each source's own share.
fn change_limits(world: &World) {
    world.home.configure(|configuration| configuration["limits"]["denialsPerSecond"] = 1.into());
}
