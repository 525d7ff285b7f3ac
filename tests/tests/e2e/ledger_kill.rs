//! The server is killed under load, and its disk rolled back. I1: whatever the upstream saw is on record as allowed.

use portcullis_tests::agent::{hello, payment};
use portcullis_tests::client::Ask;
use portcullis_tests::condition::until;
use portcullis_tests::court::Court;
use portcullis_tests::record::{Record, copy};
use portcullis_tests::world::{HOST, World};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const KILLS: usize = 6;
const CLIENTS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_nothing_was_executed_that_is_not_on_record() {
    let mut world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    let (stop, allowed, denied) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (agent, envoy) = (world.agent.clone(), world.envoy.address());
            let (stop, allowed, denied) = (stop.clone(), allowed.clone(), denied.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let ask = agent.asks(&hello(), "GET", &format!("/hello/{client}"));
                    let status = ask.send(envoy).await.map(|answer| answer.status);
                    let counter = if matches!(status, Ok(200)) { &allowed } else { &denied };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for kill in 1..=KILLS {
        let before = allowed.load(Ordering::Relaxed);
        // Each at another moment of the load.
        until("the load to run", async || {
            (allowed.load(Ordering::Relaxed) >= before + 7 * kill).then_some(())
        })
        .await;
        world.court.program.kill();
        world.court = Court::start(&world.home).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/last")).await;
    world.court.program.stop().await;

    let executed: BTreeSet<String> =
        world.upstream.hits().iter().map(|hit| hit.decision().unwrap().to_owned()).collect();
    let on_record = record.allowed();
    let missing: Vec<_> = executed.difference(&on_record).collect();
    assert!(missing.is_empty(), "executed and not on record: {missing:?}");
    let (status, found) = record.audit(&record.folder(), &[]);
    assert_eq!(status, 0, "{found}");
    let cut = record.of_kind("start/1").iter().filter(|start| start["cut"] == true).count();
    assert_eq!(cut, KILLS, "each start after a kill says so");
    println!(
        "{KILLS} kills: {} executed, {} on record as allowed, {} answered otherwise",
        executed.len(),
        on_record.len(),
        denied.load(Ordering::Relaxed)
    );
    assert!(executed.len() >= 7 * KILLS, "the load did exert something");
}

#[tokio::test]
async fn a_ledger_that_is_behind_what_was_handed_out_is_not_served_and_a_restored_one_begins_anew() {
    let mut world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/before")).await;
    world.court.program.stop().await;
    let backup = world.directory().join("backup");
    copy(&record.folder(), &backup);
    world.court = Court::start(&world.home).await;
    until("requests to be allowed", async || {
        let ask = world.agent.asks(&hello(), "GET", "/hello/after");
        (world.send(&ask).await.status == 200).then_some(())
    })
    .await;
    record.has_decisions(2).await;
    world.court.program.kill();

    // Only the write-ahead log of before: less than the checkpoint that everybody could fetch.
    fs::remove_dir_all(record.folder().join("wal")).unwrap();
    copy(&backup.join("wal"), &record.folder().join("wal"));
    let refusal = world.home.serve_in_vain().await;
    assert_ne!(refusal.status, 0);
    let said = refusal.said.lines().last().unwrap_or_default();
    assert!(
        said.contains("acknowledged entries are missing") && said.contains("--restored"),
        "{}",
        refusal.said
    );
    let (status, found) = record.audit(&record.folder(), &[]);
    assert_eq!(status, 1, "{found}");

    world.again.is_excused("the ledger at the end is another one, with an origin of its own");
    // The whole backup: consistent in itself, and still behind what others hold. So it does not go on under its name.
    fs::remove_dir_all(record.folder()).unwrap();
    copy(&backup, &record.folder());
    world.court = Court::start_restored(&world.home).await;
    let ask = || world.agent.asks(&hello(), "GET", "/hello/restored");
    until("the server to judge", async || {
        (world.send(&ask()).await.code().as_deref() == Some("halted")).then_some(())
    })
    .await;
    world.denies(&ask(), 503, "halted").await;
    let anew = Record::of(&world.home, world.directory());
    let entries = until("the new log to be published", async || {
        Some(anew.entries()).filter(|entries| entries.len() > 2)
    })
    .await;
    let old_name = fs::read_to_string(backup.join("log.vkey")).unwrap();
    let restored = &entries[0]["entry"]["restored"];
    assert!(old_name.starts_with(restored["origin"].as_str().unwrap()), "{restored} is not {old_name}");
    world.court.program.stop().await;
    assert_eq!(anew.audit(&anew.folder(), &[]).0, 0);

    let config = world.home.file("portcullis.yaml");
    let said = portcullis_tests::court::portcullis(&[
        "ledger",
        "reassert",
        "--config",
        config.to_str().unwrap(),
        "--by",
        "op",
        "--reason",
        "nothing was revoked",
    ]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    world.court = Court::start(&world.home).await;
    // No longer halted; but this bundle lets the old log burn, and the new one is another.
    until("the server to judge", async || {
        (world.send(&ask()).await.code().as_deref() == Some("state-unavailable")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_holds_no_token_no_signature_no_query_and_no_body() {
    let mut world = World::start().await;
    let mut secrets: Vec<Vec<u8>> = Vec::new();
    let mut asks = vec![
        world.agent.asks(&hello(), "GET", "/hello/you"),
        world.agent.asks(&hello(), "GET", "/hello/you?card=4000-0012-3456-7899"),
        world.agent.asks(&payment(), "POST", "/v1/payments/42"),
        Ask::new("GET", HOST, "/hello/you").with("authorization", "Bearer a-token-of-somebody-elses"),
    ];
    asks[2].body = "{\"iban\":\"DE02120300000000202051\"}".into();
    for ask in &asks {
        world.send(ask).await;
        for (name, value) in &ask.headers {
            if name.starts_with("warrant") {
                // Whole, and each part: header, payload and signature of every link.
                secrets.push(value.clone().into_bytes());
                secrets.extend(value.split(['.', '~']).map(|part| part.as_bytes().to_vec()));
            }
        }
    }
    let words =
        ["4000-0012-3456-7899", "card=", "DE02120300000000202051", "iban", "a-token-of-somebody-elses"];
    secrets.extend(words.map(|word| word.as_bytes().to_vec()));
    let record = Record::of(&world.home, world.directory());
    world.court.program.stop().await;
    let decisions = record.decisions();
    assert_eq!(decisions.len(), 3, "what the gate let by was decided: {decisions:?}");
    assert!(decisions.iter().any(|decision| decision["request"]["query"].is_string()), "a query was there");
    let mut searched = 0;
    for file in portcullis_tests::record::files(&world.home.file("ledger")) {
        let mut bytes = fs::read(&file).unwrap();
        // Segments of the write-ahead log are zeros to their end.
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        searched += bytes.len();
        for secret in secrets.iter().filter(|secret| secret.len() >= 4) {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_slice());
            assert!(!found, "{} is in {}", String::from_utf8_lossy(secret), file.display());
        }
    }
    println!("{} secrets are in none of {searched} bytes", secrets.len());
    assert!(secrets.len() > 12 && searched > 4096);
}
