//! A witness remembers the log elsewhere: it cosigns what is published, and what it holds can neither be rolled back nor
//! rewritten without its saying so.

use portcullis_tests::agent::hello;
use portcullis_tests::client::get;
use portcullis_tests::condition::until;
use portcullis_tests::court::{Court, Home};
use portcullis_tests::record::{Record, copy};
use portcullis_tests::witness::{NAME, Witness};
use portcullis_tests::world::Setup;
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const PART: &str = "witness witness.example/w1";

struct House {
    home: Home,
    witness: Witness,
    record: Record,
    directory: TempDir,
}

async fn witnessed_house() -> House {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let witness = Witness::of(&home, directory.path()).await;
    witness.is_asked_by(&home);
    let record = Record::of(&home, directory.path());
    House { home, witness, record, directory }
}

/// Waits until the published checkpoint carries the witness's line, and has more than so many entries; says how many.
async fn cosigned_beyond(court: &Court, size: u64) -> u64 {
    let line = format!("\n\u{2014} {NAME} ");
    until(&format!("a cosigned checkpoint of more than {size} entries"), async || {
        let note = get(court.http(), "/log/checkpoint").await?.text();
        let found = note.lines().nth(1)?.parse().ok()?;
        (note.contains(&line) && found > size).then_some(found)
    })
    .await
}

#[tokio::test]
async fn what_is_published_is_cosigned_from_the_first_contact_on() {
    let House { home, witness, record, directory } = witnessed_house().await;
    let mut world = Setup::default().around(directory, home).await;
    let first = cosigned_beyond(&world.court, 0).await;
    for n in 0..5 {
        world.allows(&world.agent.asks(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    // With the last outcome the log stands still.
    until("outcomes to be published", async || (record.of_kind("outcome/1").len() == 5).then_some(())).await;
    let grown = cosigned_beyond(&world.court, first + 9).await;
    assert_eq!(witness.holds(), grown);
    let remark = format!("cosigned {grown} entries");
    until("the server to say so", async || (world.court.part(PART).await.unwrap() == remark).then_some(()))
        .await;
    let figures = get(world.court.http(), "/metrics").await.unwrap().text();
    let figure = format!("portcullis_witness_cosigned{{witness=\"{NAME}\"}} {grown}\n");
    assert!(figures.contains(&figure), "{figures}");

    let by_witness = ["--witness", witness.key_file().to_str().unwrap()];
    let (status, found) = record.audit(&record.folder(), &by_witness);
    assert_eq!((status, &found["witnesses"]), (0, &serde_json::json!([NAME])), "{found}");
    let (status, found) = record.audit(&record.folder(), &[]);
    assert_eq!(
        (status, &found["witnesses"]),
        (0, &serde_json::json!([])),
        "nobody whose key was given: {found}"
    );
    is_spoiled(&record, &by_witness);

    let first = witness.answers_since(0, 2).await;
    assert!(first[0].starts_with("old 0 "), "{first:?}");
    assert!(first.iter().all(|answer| answer.ends_with(" -> 200")), "no conflict, no refusal: {first:?}");
    let before = witness.answers().len();
    world.court.program.stop().await;
    world.court = Court::start(&world.home).await;
    cosigned_beyond(&world.court, grown).await;
    let since = witness.answers().split_off(before);
    assert!(
        since[0].starts_with("old 0 ") && since[0].ends_with(" -> 409"),
        "a start knows nothing: {since:?}"
    );
    assert!(since[1].starts_with(&format!("old {grown} ")) && since[1].ends_with(" -> 200"), "{since:?}");
}

/// With another byte in the witness's line an auditor who has its key takes the log no more.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn is_spoiled(record: &Record, by_witness: &[&str]) {
    let copied = record.key().parent().unwrap().join("spoiled");
    copy(&record.folder().join("log"), &copied);
    let note = fs::read_to_string(copied.join("checkpoint")).unwrap();
    let at = note.len() - 60;
    let mut changed = note.into_bytes();
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    fs::write(copied.join("checkpoint"), changed).unwrap();
    assert_eq!(record.audit(&copied, by_witness).0, 1);
    assert_eq!(record.audit(&copied, &[]).0, 0, "without its key the line is somebody's");
}

#[tokio::test]
async fn a_witness_that_is_down_is_a_remark_and_one_that_holds_more_ends_readiness_until_it_cosigns() {
    let House { home, witness, record, directory: _directory } = witnessed_house().await;
    witness.program.freeze().await;
    let court = Court::start(&home).await;
    let remark = court.part(PART).await.unwrap();
    assert!(remark.contains("no complete answer within 3s"), "{remark}");
    says_once(&court, "could not be compared").await;

    witness.believes_in(1_000_000);
    witness.program.signal(Signal::CONT);
    let why = until("the server not to be ready", async || court.part(PART).await.err()).await;
    assert!(why.starts_with("holds 1000000 entries of this log, more than there are"), "{why}");
    says_once(&court, "this ledger is contradicted").await;
    assert_eq!(get(court.http(), "/readyz").await.unwrap().status, 503);

    witness.forgets();
    cosigned_beyond(&court, 0).await;
    until("the server to be ready", async || court.part(PART).await.ok()).await;
    says_once(&court, "the witness cosigns").await;
    let by_witness = ["--witness", witness.key_file().to_str().unwrap()];
    assert_eq!(record.audit(&record.folder(), &by_witness).1["witnesses"], serde_json::json!([NAME]));
}

#[tokio::test]
async fn a_rolled_back_ledger_is_not_served_and_a_clone_that_ran_ahead_is_found_out() {
    let House { home, witness, record, directory } = witnessed_house().await;
    let mut court = Court::start(&home).await;
    cosigned_beyond(&court, 0).await;
    court.program.stop().await;
    let backup = directory.path().join("backup");
    copy(&record.folder(), &backup);
    let kept = ledger::Ledger::inspect(&backup).unwrap().durable;
    let mut court = Court::start(&home).await;
    cosigned_beyond(&court, kept.size).await;
    court.program.stop().await;
    let held = witness.holds();

    // All of the backup, `handed-out` included: consistent in itself, and behind what the witness holds.
    bring_back(&backup, &record.folder());
    let refused = refusal(&home).await;
    for part in [format!("witness {NAME} names {held}"), "acknowledged entries are missing".to_owned()] {
        assert!(refused.contains(&part), "{refused}");
    }
    assert_eq!(ledger::Ledger::inspect(&record.folder()).unwrap().durable, kept, "nothing was recorded");

    // Nobody else notices: with no witness it is served, and goes its own way.
    home.configure(|configuration| {
        drop(configuration["ledger"].as_object_mut().unwrap().remove("witnesses"))
    });
    while ledger::Ledger::inspect(&record.folder()).unwrap().published.size <= held {
        Court::start(&home).await.program.stop().await;
    }
    assert_eq!(record.audit(&record.folder(), &[]).0, 0, "it holds in itself");
    witness.is_asked_by(&home);
    let before = witness.answers().len();
    let refused = refusal(&home).await;
    assert!(
        refused.contains(&format!("witness {NAME} refuses that this log continues the {held}")),
        "{refused}"
    );
    let since = witness.answers_since(before, 2).await;
    assert!(since[0].ends_with(" -> 409"), "{since:?}");
    assert!(since[1].starts_with(&format!("old {held} ")) && since[1].ends_with(" -> 422"), "{since:?}");

    // The witness is down while it starts: found out as soon as it is there.
    witness.program.freeze().await;
    let court = Court::start(&home).await;
    witness.program.signal(Signal::CONT);
    let why = until("the server not to be ready", async || court.part(PART).await.err()).await;
    assert!(why.contains("the log was rewritten"), "{why}");
    says_once(&court, "this ledger is contradicted").await;
    assert_eq!(witness.holds(), held, "it cosigned nothing of the clone's");
}

/// The one line with which the server does not start.
async fn refusal(home: &Home) -> String {
    let refusal = home.serve_in_vain().await;
    assert_eq!(refusal.status, 2, "{}", refusal.said);
    let lines: Vec<&str> = refusal.said.lines().filter(|line| line.contains(NAME)).collect();
    assert_eq!(lines.len(), 1, "one line says it:\n{}", refusal.said);
    lines[0].to_owned()
}

fn bring_back(backup: &Path, ledger: &Path) {
    fs::remove_dir_all(ledger).unwrap();
    copy(backup, ledger);
}

/// One line of its log says so, and no second.
async fn says_once(court: &Court, what: &str) {
    let said = || court.program.log().lines().filter(|line| line.contains(what)).count();
    until(&format!("the log to say `{what}`"), async || (said() > 0).then_some(())).await;
    assert_eq!(said(), 1, "{what}:\n{}", court.program.log());
}
