//! What an auditor can do with only the ledger's key: verify the ledger, see that it is complete, find entries, and judge
//! decisions a second time.

use portcullis_tests::agent::{Agent, WarrantSpec, hello, payment};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::command::portcullis;
use portcullis_tests::condition::until;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::ledger_auditor::{LedgerAuditor, copy, files};
use portcullis_tests::process::Process;
use portcullis_tests::programs;
use portcullis_tests::server::Server;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{HOST, World};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Sends requests of every kind that reaches the server. Returns how many.
async fn traffic(world: &World) -> usize {
    for n in 0..5 {
        world.allows(&world.agent.request(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    let once = world.agent.warrant(&payment());
    let pay = || world.agent.present(&once, ClientRequest::new("POST", HOST, "/v1/payments/42"));
    world.allows(&pay()).await;
    world.denies(&pay(), 403, "replayed").await;
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you?admin=1"), 403, "outside-warrant").await;
    let long = WarrantSpec { lifetime: 600, ..hello() };
    world.denies(&world.agent.request(&long, "GET", "/hello/you"), 403, "lifetime-too-long").await;
    let thief = Agent { holder: TestKey::stranger(Algorithm::Es256, 7), ..world.agent.clone() };
    let stolen = thief.present(&world.agent.warrant(&hello()), ClientRequest::new("GET", HOST, "/hello/you"));
    world.denies(&stolen, 401, "proof-invalid").await;
    10
}

#[tokio::test]
async fn every_executed_request_is_on_record_and_every_decision_is_judged_the_same_a_second_time() {
    let world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let sent = traffic(&world).await;

    // The server keeps running while the auditor reads.
    let decisions = auditor.wait_for_decisions(sent).await;
    assert_eq!(decisions.len(), sent);
    let executed = world.upstream.decisions();
    assert_eq!(auditor.allowed(), executed, "the executed requests are those on record as allowed");

    let allow = decisions.iter().find(|decision| decision["outcome"] == "allowed").unwrap();
    let bytes = allow.to_string().len();
    println!("the entry of an allow with a chain of one link has {bytes} bytes");
    assert!((1200..1400).contains(&bytes), "docs/ledger.md says how many bytes: {bytes}");

    auditor.audit(auditor.folder(), &[]).expect_holds();
    let bundle = world.home.file("bundle");
    let replayed =
        auditor.run("replay", auditor.folder(), &["--bundles", bundle.to_str().unwrap(), "--json"]);
    assert_eq!(replayed.status, 0, "{replayed:?}");
    let counts: Value = serde_json::from_str(&replayed.out).unwrap();
    assert_eq!((&counts["decisions"], &counts["same"]), (&sent.into(), &sent.into()), "{counts}");

    world.allows(&world.agent.request(&hello(), "GET", "/hello/afterwards")).await;
    world.end().await;
}

#[tokio::test]
async fn verify_and_replay_each_say_in_one_line_what_they_prove_and_what_only_the_other_proves() {
    let world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let sent = traffic(&world).await;
    auditor.wait_for_decisions(sent).await;
    let bundle = world.home.file("bundle").display().to_string();
    let replay = ["--bundles", bundle.as_str()];
    for (command, other, further) in [("verify", "replay", &[][..]), ("replay", "verify", &replay)] {
        let plain = auditor.run(command, auditor.folder(), further).success();
        let line = plain.lines().find(|line| line.starts_with(&format!("  `{command}` proves: ")));
        let line = line.unwrap_or_else(|| panic!("{plain}"));
        assert!(line.contains(&format!(". Only `{other}` proves: ")), "{line}");
        let json = auditor.run(command, auditor.folder(), &[further, &["--json"]].concat()).success();
        let json: Value = serde_json::from_str(&json).unwrap();
        let parts =
            [&json["proves"], &json[&format!("only_{other}_proves")]].map(|part| part.as_str().unwrap());
        assert!(parts.iter().all(|part| !part.is_empty() && line.contains(part)), "{json}");
    }

    // A file that does not belong to the layout is named, in the ledger and in the published log.
    for place in ["notes.txt", "wal/old", "log/notes.txt"] {
        let file = auditor.folder().join(place);
        overwrite(&file, b"x");
        auditor.audit(auditor.folder(), &[]).expect_fault(place);
        fs::remove_file(&file).unwrap();
    }
    world.end().await;
}

#[tokio::test]
async fn a_candidate_bundle_lists_every_decision_that_it_would_change_with_both_verdicts() {
    let world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let sent = traffic(&world).await;
    let decisions = auditor.wait_for_decisions(sent).await;
    // The candidate differs in one thing: the agent may no longer call the route `hello`.
    let candidate = UnsignedBundle::of(&world.home)
        .version(2)
        .edit("routes/demo/hello.json", |hello| hello["spec"]["callers"] = json!(["agent:nobody"]));
    let place = world.directory().join("candidate");
    candidate.signed(&[&TestKey::read(&world.home.file("keys/bundle.jwk"))]).put(&place);

    let replayed = auditor.run("replay", auditor.folder(), &["--with", place.to_str().unwrap(), "--json"]);

    assert_eq!(replayed.status, 1, "{replayed:?}");
    let mut lines: Vec<Value> =
        replayed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let counts = lines.pop().unwrap();
    for line in &lines {
        let verdicts = (&line["then"]["code"], &line["now"]["code"], &line["now"]["route"]);
        assert_eq!(verdicts, (&"permit".into(), &"policy-denied".into(), &"hello".into()), "{line}");
    }
    let is_affected = |decision: &&Value| {
        decision["verdict"]["code"] == "permit" && decision["verdict"]["route"] == "hello"
    };
    let affected: BTreeSet<&str> =
        decisions.iter().filter(is_affected).map(|decision| decision["id"].as_str().unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["id"].as_str().unwrap()).collect::<BTreeSet<_>>(), affected);
    assert_eq!(
        (affected.len(), &counts["differs"], &counts["same"]),
        (5, &5.into(), &(sent - 5).into()),
        "{counts}"
    );
    world.end().await;
}

#[tokio::test]
async fn entries_are_found_by_id_warrant_lineage_route_code_kind_and_time() {
    let world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let sent = traffic(&world).await;
    let decisions = auditor.wait_for_decisions(sent).await;
    let one = decisions.iter().find(|decision| decision["outcome"] == "replayed").unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (id, jti, txn) = (text(&one["id"]), text(&one["chain"][0]["jti"]), text(&one["chain"][0]["txn"]));
    let find = |by: &[&str]| {
        let output = auditor.run("show", auditor.folder(), &[by, &["--json"]].concat());
        (output.status, output.out.lines().count())
    };
    assert_eq!(find(&["--id", &id]), (0, 1));
    assert_eq!(find(&["--warrant", &jti]), (0, 2), "the payment and its replay");
    assert_eq!(find(&["--lineage", &txn]), (0, 2));
    assert_eq!(find(&["--route", "pay"]), (0, 2));
    assert_eq!(find(&["--code", "replayed"]), (0, 1));
    assert_eq!(find(&["--kind", "init/1"]), (0, 1));
    assert_eq!(find(&["--since", "1h", "--kind", "decision/1"]), (0, sent));
    assert_eq!(find(&["--until", "1h"]), (1, 0), "nothing is that old");
    assert_eq!(find(&["--id", "unknown"]), (1, 0));
    assert_eq!(find(&["--id", "-begins-with-a-hyphen"]), (1, 0), "an id may begin with a hyphen");
    let text = auditor.run("show", auditor.folder(), &["--id", &id]).out;
    assert!(text.contains("replayed POST") && text.contains("held by agent:demo"), "{text}");
    world.end().await;
}

#[tokio::test]
async fn tail_with_follow_prints_a_decision_soon_after_it_is_made() {
    let world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let mut command = Command::new(programs::portcullis());
    command.args(["ledger", "tail", "--follow", "--json", "-n", "0"]).arg(auditor.folder());
    let mut follower = Process::start("tail", command);
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    let executions = world.upstream.executions();
    let id = executions[0].decision().unwrap();
    follower.find_in_log("the decision", |line| line.contains(id).then_some(())).await;
    world.end().await;
}

#[tokio::test]
async fn every_tampered_file_of_a_copy_is_named_and_another_key_or_place_is_refused() {
    let mut world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let sent = traffic(&world).await;
    auditor.wait_for_decisions(sent).await;
    world.server.process.stop().await;

    let whole = world.directory().join("copy");
    copy(&auditor.folder(), &whole);
    auditor.audit(&whole, &[]).expect_holds();
    // The published part is enough.
    auditor.audit(whole.join("log"), &[]).expect_holds();
    let mut tried = 0;
    for file in files(&whole.join("log")) {
        let bytes = fs::read(&file).unwrap();
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        overwrite(&file, &changed);
        let name = file.strip_prefix(whole.join("log")).unwrap().to_str().unwrap();
        // A fault names a partial file in full or by the tile that it is part of.
        auditor.audit(&whole, &[]).expect_fault(name.split(".p/").next().unwrap());
        overwrite(&file, &bytes);
        tried += 1;
    }
    println!("the audit named each of {tried} tampered files");
    assert!(tried >= 4, "checkpoint, hashes and entries: {tried}");

    let stranger = World::start().await;
    let others = LedgerAuditor::new(&stranger.home, stranger.directory());
    others.audit(&whole, &[]).expect_fault("log.vkey");
    stranger.allows(&stranger.agent.request(&hello(), "GET", "/hello/you")).await;
    stranger.end().await;
    let empty = world.directory().join("empty");
    fs::create_dir(&empty).unwrap();
    auditor.audit(&empty, &[]).expect_unreadable(empty.to_str().unwrap());
    let nowhere = world.directory().join("nowhere");
    auditor.audit(&nowhere, &[]).expect_unreadable(nowhere.to_str().unwrap());
    // A key is never taken from the ledger itself.
    let keyless = portcullis(&["ledger", "verify", whole.to_str().unwrap()]);
    assert!(keyless.status == 2 && keyless.err.contains("--vkey"), "{keyless:?}");
    world.end().await;
}

#[tokio::test]
async fn the_log_and_its_archive_hold_together_and_the_server_continues_without_the_archive() {
    let mut world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let once = world.agent.warrant(&payment());
    let pay = || world.agent.present(&once, ClientRequest::new("POST", HOST, "/v1/payments/42"));
    world.allows(&pay()).await;
    // The first of these says the terms of the warrant, and the others refer to it.
    let often = world.agent.warrant(&hello());
    for n in 0..300 {
        let greet = ClientRequest::new("GET", HOST, &format!("/hello/{n}"));
        world.allows(&world.agent.present(&often, greet)).await;
    }
    let last = world.upstream.executions().last().unwrap().decision().unwrap().to_owned();
    world.server.process.stop().await;
    let before = auditor.entries().len();

    let (config, archive) = (world.home.file("portcullis.yaml"), world.directory().join("archive"));
    let (config, archive) = (config.to_str().unwrap(), archive.to_str().unwrap());
    let moved = portcullis(&["ledger", "archive", "--config", config, "--below", "256", "--into", archive]);
    assert_eq!(moved.status, 0, "{moved:?}");
    // Every reader finds the archive by itself. Archiving adds three entries: it starts the ledger, names the archive, and
    // stops the ledger.
    auditor.audit(auditor.folder(), &[]).expect_holds();
    assert_eq!(auditor.entries().len(), before + 3);
    let said_at: Vec<_> = auditor.decisions().iter().filter_map(|one| one["terms"].as_u64()).collect();
    assert!(said_at.len() == 299 && said_at.iter().all(|index| *index < 256), "{said_at:?}");
    let replayed = auditor.run("replay", auditor.folder(), &["--json"]).success();
    assert!(replayed.contains("\"same\":301") && replayed.contains("\"without_terms\":0"), "{replayed}");
    let home = world.home.file("").display().to_string();
    let explain = |further: &[&str]| {
        portcullis(&[&["policy", "explain", "--decision", &last, "--home", &home], further].concat())
    };
    assert!(explain(&[]).success().contains("judged again, with the same result"));
    let show = |by: &[&str], further: &[&str]| {
        let output = auditor.run("show", auditor.folder(), &[by, further, &["--json"]].concat());
        (output.status, output.out.lines().count(), output.err)
    };
    let (oldest, newest) = (["--kind", "activation/1"], ["--kind", "archived/1"]);
    assert_eq!(show(&oldest, &[]), (0, 1, String::new()), "as before the archive");
    let lines = before.to_string();
    let tail = || auditor.run("tail", auditor.folder(), &["-n", &lines]).success().lines().count();
    assert_eq!(tail(), before, "it reaches into the archive");

    // The archive is moved to another place, as to a colder disk.
    let elsewhere = world.directory().join("elsewhere");
    rename(Path::new(archive), &elsewhere);
    let there = ["--archive", elsewhere.to_str().unwrap()];
    // Without the archive the log is not complete: its first tile of entries is missing.
    auditor.audit(auditor.folder(), &[]).expect_fault("tile/entries/000");
    let (status, found, err) = show(&newest, &[]);
    assert!((status, found) == (0, 1) && err.contains("entries below 256 are not here"), "{err}");
    let (status, found, err) = show(&oldest, &[]);
    assert!(
        (status, found) == (2, 0) && err.contains("nothing was found among the entries from 256 on"),
        "{err}"
    );
    assert_eq!(tail(), before + 3 - 256, "only what is here");
    let explained = explain(&[]);
    let missing = format!("the terms of the warrant of decision {last} are in entry {}", said_at[0]);
    let told = explained.err.contains(&missing) && explained.err.contains("--archive");
    assert!(explained.status == 2 && told, "{explained:?}");
    assert!(explain(&there).success().contains("judged again, with the same result"));
    assert_eq!(show(&oldest, &there), (0, 1, String::new()));
    auditor.audit(auditor.folder(), &there).expect_holds();
    rename(&elsewhere, Path::new(archive));

    world.server = Server::start(&world.home).await;
    until("a request to be allowed again", async || {
        let request = world.agent.request(&hello(), "GET", "/hello/after");
        (world.send(&request).await.status == 200).then_some(())
    })
    .await;
    world.denies(&pay(), 403, "replayed").await;
    world.end().await;
}

#[expect(clippy::disallowed_methods, reason = "a test's own directory needs no durability")]
fn rename(from: &Path, to: &Path) {
    fs::rename(from, to).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn overwrite(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
}
