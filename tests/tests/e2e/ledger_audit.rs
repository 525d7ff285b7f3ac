//! What an auditor can do with nothing but the log's key: see that it holds, that it is complete, and judge again.

use portcullis_tests::agent::{Agent, Grant, hello, payment};
use portcullis_tests::child::Running;
use portcullis_tests::client::Ask;
use portcullis_tests::condition::until;
use portcullis_tests::court::{Court, portcullis};
use portcullis_tests::keys::{Algorithm, Key};
use portcullis_tests::programs;
use portcullis_tests::record::{Record, copy, files};
use portcullis_tests::world::{HOST, World};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Requests of every sort that reach the court; how many of them.
async fn traffic(world: &World) -> usize {
    for n in 0..5 {
        world.allows(&world.agent.asks(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    let once = world.agent.warrant(&payment());
    let pay = || world.agent.presents(&once, Ask::new("POST", HOST, "/v1/payments/42"));
    world.allows(&pay()).await;
    world.denies(&pay(), 403, "replayed").await;
    world.denies(&world.agent.asks(&hello(), "GET", "/hello/you?admin=1"), 403, "outside-warrant").await;
    let long = Grant { lifetime: 600, ..hello() };
    world.denies(&world.agent.asks(&long, "GET", "/hello/you"), 403, "lifetime-too-long").await;
    let thief = Agent { holder: Key::stranger(Algorithm::Es256, 7), ..world.agent.clone() };
    let stolen = thief.presents(&world.agent.warrant(&hello()), Ask::new("GET", HOST, "/hello/you"));
    world.denies(&stolen, 401, "proof-invalid").await;
    10
}

#[tokio::test]
async fn every_allow_that_the_upstream_saw_is_on_record_and_each_decision_judges_to_the_same_bytes_again() {
    let world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    let asked = traffic(&world).await;

    // While the server runs, and without disturbing it.
    let decisions = record.has_decisions(asked).await;
    assert_eq!(decisions.len(), asked);
    let executed: BTreeSet<String> =
        world.upstream.hits().iter().map(|hit| hit.decision().unwrap().to_owned()).collect();
    assert_eq!(record.allowed(), executed, "what was executed is what is on record as allowed");

    let allow = decisions.iter().find(|decision| decision["outcome"] == "allowed").unwrap();
    let bytes = allow.to_string().len();
    println!("an allow through one link takes {bytes} bytes on record");
    assert!((1200..1400).contains(&bytes), "docs/ledger.md says what it costs: {bytes}");

    let (status, found) = record.audit(&record.folder(), &[]);
    assert_eq!((status, &found["holds"]), (0, &true.into()), "{found}");
    let bundle = world.home.file("bundle");
    let folder = record.folder();
    let place = folder.to_str().unwrap();
    let replayed = record.ask("replay", place, &["--bundles", bundle.to_str().unwrap(), "--json"]);
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert_eq!(replayed.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&replayed.stderr));
    let counts: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&counts["decisions"], &counts["same"]), (&asked.into(), &asked.into()), "{counts}");

    world.allows(&world.agent.asks(&hello(), "GET", "/hello/afterwards")).await;
}

#[tokio::test]
async fn a_candidate_bundle_says_what_it_would_have_decided_otherwise() {
    let world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    let asked = traffic(&world).await;
    record.has_decisions(asked).await;
    // The same house, but with nobody who may call: another audience's bundle serves no host of this one's.
    let other = portcullis_tests::court::Home::init(
        &world.directory().join("other"),
        &["--host".to_owned(), "elsewhere".to_owned()],
    );
    let folder = record.folder();
    let with = other.file("bundle");
    let said = record.ask("replay", folder.to_str().unwrap(), &["--with", with.to_str().unwrap(), "--json"]);
    assert_eq!(said.status.code(), Some(1));
    let lines = String::from_utf8(said.stdout).unwrap();
    let differences = lines.lines().filter(|line| line.contains(r#""then":"#)).count();
    assert!(differences > 0, "{lines}");
}

#[tokio::test]
async fn entries_are_found_by_what_they_are_about() {
    let world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    let asked = traffic(&world).await;
    let decisions = record.has_decisions(asked).await;
    let one = decisions.iter().find(|decision| decision["outcome"] == "replayed").unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let (id, jti, txn) = (text(&one["id"]), text(&one["chain"][0]["jti"]), text(&one["chain"][0]["txn"]));
    let folder = record.folder();
    let find = |by: &[&str]| {
        let said = record.ask("show", folder.to_str().unwrap(), &[by, &["--json"]].concat());
        (said.status.code(), String::from_utf8(said.stdout).unwrap().lines().count())
    };
    assert_eq!(find(&["--id", &id]), (Some(0), 1));
    assert_eq!(find(&["--warrant", &jti]), (Some(0), 2), "the payment and its repetition");
    assert_eq!(find(&["--lineage", &txn]), (Some(0), 2));
    assert_eq!(find(&["--route", "pay"]), (Some(0), 2));
    assert_eq!(find(&["--code", "replayed"]), (Some(0), 1));
    assert_eq!(find(&["--kind", "init/1"]), (Some(0), 1));
    assert_eq!(find(&["--since", "1h", "--kind", "decision/1"]), (Some(0), asked));
    assert_eq!(find(&["--until", "1h"]), (Some(1), 0), "nothing is that old");
    assert_eq!(find(&["--id", "nobody's"]), (Some(1), 0));
    assert_eq!(find(&["--id", "-begins-with-a-hyphen"]), (Some(1), 0), "an id like any other, of nobody");
    let people = record.ask("show", folder.to_str().unwrap(), &["--id", &id]);
    let said = String::from_utf8(people.stdout).unwrap();
    assert!(said.contains("replayed POST") && said.contains("held by agent:demo"), "{said}");
}

#[tokio::test]
async fn whoever_follows_the_log_sees_a_decision_within_moments() {
    let world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    let mut command = Command::new(programs::portcullis());
    command.args(["ledger", "tail", "--follow", "--json", "-n", "0"]).arg(record.folder());
    let follower = Running::start("tail", command);
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
    let hits = world.upstream.hits();
    let id = hits[0].decision().unwrap();
    until("the follower to see it", async || follower.log().contains(id).then_some(())).await;
}

#[tokio::test]
async fn a_tampered_copy_is_found_and_what_was_tampered_with_is_named() {
    let mut world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    let asked = traffic(&world).await;
    record.has_decisions(asked).await;
    world.court.program.stop().await;

    let whole = world.directory().join("copy");
    copy(&record.folder(), &whole);
    assert_eq!(record.audit(&whole, &[]).0, 0, "an untouched copy holds");
    assert_eq!(record.audit(&whole.join("log"), &[]).0, 0, "and so does its published part alone");
    let mut tried = 0;
    for file in files(&whole.join("log")) {
        let bytes = fs::read(&file).unwrap();
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        overwrite(&file, &changed);
        let (status, found) = record.audit(&whole, &[]);
        assert_eq!(status, 1, "{}: {found}", file.display());
        let name = file.strip_prefix(whole.join("log")).unwrap().to_str().unwrap().to_owned();
        let faults = found["faults"].to_string();
        let is_named = faults.contains(&name) || faults.contains(name.split(".p/").next().unwrap());
        assert!(is_named, "{name} is not named: {faults}");
        overwrite(&file, &bytes);
        tried += 1;
    }
    println!("{tried} tampered files found and named");
    assert!(tried >= 4, "checkpoint, hashes and entries: {tried}");

    let stranger = World::start().await;
    let others = Record::of(&stranger.home, stranger.directory());
    assert_eq!(others.audit(&whole, &[]).0, 1, "another log's key");
    stranger.allows(&stranger.agent.asks(&hello(), "GET", "/hello/you")).await;
    let empty = world.directory().join("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(record.audit(&empty, &[]).0, 2, "an empty folder is no log that holds");
    assert_eq!(record.audit(&world.directory().join("nowhere"), &[]).0, 2);
    let keyless = portcullis(&["ledger", "verify", whole.to_str().unwrap()]);
    assert_eq!(keyless.status.code(), Some(2), "a key is never taken from the log");
}

#[tokio::test]
async fn archived_entries_and_the_log_laid_over_each_other_hold_and_the_server_goes_on() {
    let mut world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    let once = world.agent.warrant(&payment());
    let pay = || world.agent.presents(&once, Ask::new("POST", HOST, "/v1/payments/42"));
    world.allows(&pay()).await;
    for n in 0..300 {
        world.allows(&world.agent.asks(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    world.court.program.stop().await;
    let before = record.entries().len();

    let (config, archive) = (world.home.file("portcullis.yaml"), world.directory().join("archive"));
    let (config, archive) = (config.to_str().unwrap(), archive.to_str().unwrap());
    let moved = portcullis(&["ledger", "archive", "--config", config, "--below", "256", "--into", archive]);
    world.again.archived_into(Path::new(archive));
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));
    let folder = record.folder();
    assert_eq!(record.audit(&folder, &["--archive", archive]).0, 0, "laid over each other");
    assert_eq!(record.audit(&folder, &[]).0, 1, "without its archive the log is not whole");
    let all = record.ask("export", folder.to_str().unwrap(), &["--archive", archive]);
    // Archiving starts and stops the ledger, and names the archive in it.
    assert_eq!(String::from_utf8(all.stdout).unwrap().lines().count(), before + 3);

    world.court = Court::start(&world.home).await;
    until("a request to be allowed again", async || {
        let ask = world.agent.asks(&hello(), "GET", "/hello/after");
        (world.send(&ask).await.status == 200).then_some(())
    })
    .await;
    world.denies(&pay(), 403, "replayed").await;
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn overwrite(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
}
