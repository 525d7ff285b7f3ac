//! The server is killed under load, and its ledger is rolled back. I1: every executed request is on record as allowed.

mod facts;

use ledger::Ledger;
use ledger::entry::{DecisionOutcome, Entry};
use portcullis_tests::agent::{hello, payment};
use portcullis_tests::client::{ClientRequest, Connection};
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::{LedgerAuditor, copy};
use portcullis_tests::random::Random;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::world::{HOST, World};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const REQUESTS: usize = 2_000;
const KILLS: usize = 20;
const CLIENTS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_20_kills_at_random_moments_under_load_every_executed_request_is_on_record() {
    let mut random = Random::of_this_run("kills under load");
    let mut world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let from = Instant::now();
    let mut load = Load::start(&world);
    let mut record = Record::default();
    for _ in 0..KILLS {
        // Each kill comes at another moment of the load: the requests after it run into the kill and the start.
        load.add(REQUESTS / KILLS);
        load.wait_for(load.ordered - REQUESTS / KILLS + random.below(REQUESTS / KILLS)).await;
        world.server.process.kill();
        let executed = world.upstream.decisions();
        world.server = Server::start(&world.home).await;
        record.wait_for(&executed, &world.home).await;
        load.wait_for(load.ordered).await;
    }
    let denied = load.denied.load(Ordering::Relaxed);
    load.stop().await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/last")).await;
    world.server.process.stop().await;

    let executed = world.upstream.decisions();
    record.wait_for(&executed, &world.home).await;
    auditor.audit(auditor.folder(), &[]).expect_holds();
    let cut = auditor.of_kind("start/1").iter().filter(|start| start["cut"] == true).count();
    assert_eq!(cut, KILLS, "each start after a kill has `cut`");
    println!(
        "{KILLS} kills in {:?}: {} requests executed, {} on record as allowed, {denied} not allowed",
        from.elapsed(),
        executed.len(),
        record.allowed.len()
    );
    assert!(
        executed.len() >= REQUESTS && denied > 0,
        "the load reached the upstream, and the kills were felt"
    );
    world.end().await;
}

/// Clients that send requests until as many as ordered were allowed.
struct Load {
    /// One permit for each request that may still be allowed.
    orders: Arc<Semaphore>,
    ordered: usize,
    allowed: Arc<AtomicUsize>,
    denied: Arc<AtomicUsize>,
    clients: JoinSet<()>,
}

impl Load {
    fn start(world: &World) -> Load {
        let orders = Arc::new(Semaphore::new(0));
        let (allowed, denied) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (agent, mut connection) = (world.agent.clone(), Connection::new(world.envoy.address()));
            let (orders, allowed, denied) = (orders.clone(), allowed.clone(), denied.clone());
            clients.spawn(async move {
                while let Ok(order) = orders.acquire().await {
                    let request = agent.request(&hello(), "GET", &format!("/hello/{client}"));
                    match connection.send(&request).await {
                        Ok(answer) if answer.status == 200 => {
                            order.forget();
                            allowed.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(_) | Err(_) => {
                            denied.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        Load { orders, ordered: 0, allowed, denied, clients }
    }

    fn add(&mut self, requests: usize) {
        self.ordered += requests;
        self.orders.add_permits(requests);
    }

    /// Waits until this many requests were allowed.
    async fn wait_for(&self, count: usize) {
        until("the load to run", async || (self.allowed.load(Ordering::Relaxed) >= count).then_some(()))
            .await;
    }

    /// Waits until one more request was not allowed.
    async fn wait_for_more_denials(&self) {
        let before = self.denied.load(Ordering::Relaxed);
        until("a request to be denied", async || {
            (self.denied.load(Ordering::Relaxed) > before).then_some(())
        })
        .await;
    }

    /// Stops all clients.
    async fn stop(self) {
        self.orders.close();
        self.clients.join_all().await;
    }
}

/// The ids of all allowed decisions, as they are read from the ledger's files.
#[derive(Default)]
struct Record {
    allowed: BTreeSet<String>,
    next: u64,
}

impl Record {
    /// Waits until these decisions are published: a start publishes what it finds in the write-ahead log.
    async fn wait_for(&mut self, executed: &BTreeSet<String>, home: &Home) {
        until("every executed request to be on record as allowed", async || {
            for record in Ledger::entries(&home.file("ledger"), self.next).unwrap() {
                let record = record.unwrap();
                self.next = record.index + 1;
                if let Entry::Decision(decision) = record.entry
                    && decision.outcome == DecisionOutcome::Allowed
                {
                    self.allowed.insert(decision.id);
                }
            }
            executed.is_subset(&self.allowed).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_ledger_behind_its_published_checkpoint_is_not_served_and_a_restored_one_begins_a_new_log() {
    let mut world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    world.allows(&world.agent.request(&hello(), "GET", "/hello/before")).await;
    world.server.process.stop().await;
    let backup = world.directory().join("backup");
    copy(&auditor.folder(), &backup);
    world.server = Server::start(&world.home).await;
    until("requests to be allowed", async || {
        let request = world.agent.request(&hello(), "GET", "/hello/after");
        (world.send(&request).await.status == 200).then_some(())
    })
    .await;
    auditor.wait_for_decisions(2).await;
    world.server.process.kill();

    // Roll back the write-ahead log only: it then holds less than the published checkpoint says.
    fs::remove_dir_all(auditor.folder().join("wal")).unwrap();
    copy(&backup.join("wal"), &auditor.folder().join("wal"));
    let failed = world.home.fail_to_start().await;
    assert_eq!(failed.status, 2, "{}", failed.log);
    let last = failed.log.lines().last().unwrap_or_default();
    assert!(
        last.contains("acknowledged entries are missing") && last.contains("--restored"),
        "{}",
        failed.log
    );
    auditor.audit(auditor.folder(), &[]).expect_fault("acknowledged entries are missing");

    world.replay_check.skip_because("the restored ledger is a new log with an origin of its own");
    // The whole backup is consistent, but older than what others have seen. So the restored log gets a new name.
    fs::remove_dir_all(auditor.folder()).unwrap();
    copy(&backup, &auditor.folder());
    world.server = Server::start_restored(&world.home).await;
    let request = || world.agent.request(&hello(), "GET", "/hello/restored");
    until("the server to judge", async || {
        (world.send(&request()).await.code().as_deref() == Some("halted")).then_some(())
    })
    .await;
    world.denies(&request(), 503, "halted").await;
    let new_auditor = LedgerAuditor::new(&world.home, world.directory());
    let entries = until("the new log to be published", async || {
        Some(new_auditor.entries()).filter(|entries| entries.len() > 2)
    })
    .await;
    // The first entry of the new log names the old log. A key file is `ORIGIN+ID+KEY`.
    let old_key = fs::read_to_string(backup.join("log.vkey")).unwrap();
    let restored = &entries[0]["entry"]["restored"];
    assert_eq!(restored["origin"], old_key.split('+').next().unwrap());
    world.server.process.stop().await;
    new_auditor.audit(new_auditor.folder(), &[]).expect_holds();

    // As after a crash between the two renames: the old log is aside, and the new one has not its place yet.
    ledger::durable::Disk::real()
        .rename_durably(&new_auditor.folder(), &world.home.file("ledger.next"))
        .unwrap();
    let failed = world.home.fail_to_start().await;
    let last = failed.log.lines().last().unwrap_or_default();
    assert!(failed.status == 2 && last.contains("start once with --restored"), "{}", failed.log);
    world.server = Server::start_restored(&world.home).await;
    world.denies(&request(), 503, "halted").await;
    world.server.process.stop().await;
    new_auditor.audit(new_auditor.folder(), &[]).expect_holds();

    let config = world.home.file("portcullis.yaml");
    let reasserted = portcullis_tests::command::portcullis(&[
        "ledger",
        "reassert",
        "--config",
        config.to_str().unwrap(),
        "--by",
        "op",
        "--reason",
        "nothing was revoked",
    ]);
    assert_eq!(reasserted.status, 0, "{reasserted:?}");
    world.server = Server::start(&world.home).await;
    // The halt has ended. But this bundle says that the old log counts uses, and this log is a new one.
    until("the server to judge", async || {
        (world.send(&request()).await.code().as_deref() == Some("state-unavailable")).then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test]
async fn no_file_of_the_ledger_contains_a_token_a_signature_a_query_or_a_body() {
    let mut world = World::start().await;
    let mut secrets: Vec<Vec<u8>> = Vec::new();
    let mut requests = vec![
        world.agent.request(&hello(), "GET", "/hello/you"),
        world.agent.request(&hello(), "GET", "/hello/you?card=4000-0012-3456-7899"),
        world.agent.request(&payment(), "POST", "/v1/payments/42"),
        ClientRequest::new("GET", HOST, "/hello/you")
            .with("authorization", "Bearer a-token-of-somebody-elses"),
    ];
    requests[2].body = "{\"iban\":\"DE02120300000000202051\"}".into();
    for request in &requests {
        world.send(request).await;
        for (name, value) in &request.headers {
            if name.starts_with("warrant") {
                // The whole value, and each part of it: header, payload and signature of every link.
                secrets.push(value.clone().into_bytes());
                secrets.extend(value.split(['.', '~']).map(|part| part.as_bytes().to_vec()));
            }
        }
    }
    let words =
        ["4000-0012-3456-7899", "card=", "DE02120300000000202051", "iban", "a-token-of-somebody-elses"];
    secrets.extend(words.map(|word| word.as_bytes().to_vec()));
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    world.server.process.stop().await;
    let decisions = auditor.decisions();
    assert_eq!(decisions.len(), 3, "the server decided every request that passed the gate: {decisions:?}");
    assert!(
        decisions.iter().any(|decision| decision["request"]["query"].is_string()),
        "one request had a query"
    );
    let mut searched = 0;
    for file in portcullis_tests::ledger_auditor::files(&world.home.file("ledger")) {
        let mut bytes = fs::read(&file).unwrap();
        // Segments of the write-ahead log are filled with zeros.
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        searched += bytes.len();
        for secret in secrets.iter().filter(|secret| secret.len() >= 4) {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_slice());
            assert!(!found, "{} is in {}", String::from_utf8_lossy(secret), file.display());
        }
    }
    println!("searched {searched} bytes for {} secrets and found none", secrets.len());
    assert!(secrets.len() > 12 && searched > 4096);
    world.end().await;
}
