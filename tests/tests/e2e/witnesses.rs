//! A witness on another machine cosigns the published log and remembers it. So it notices when the log is rolled back or
//! rewritten.

use portcullis_tests::agent::hello;
use portcullis_tests::client::{get, get_from_socket};
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::{LedgerAuditor, copy};
use portcullis_tests::python_witness::{NAME, PythonWitness};
use portcullis_tests::server::{Home, Server};
use portcullis_tests::world::{Setup, World};
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const PART: &str = "witness witness.example/w1";

struct Witnessed {
    home: Home,
    witness: PythonWitness,
    auditor: LedgerAuditor,
    directory: TempDir,
}

/// A home directory whose server has a witness.
async fn witnessed_home() -> Witnessed {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let witness = PythonWitness::start(&home, directory.path()).await;
    witness.add_to(&home);
    let auditor = LedgerAuditor::new(&home, directory.path());
    Witnessed { home, witness, auditor, directory }
}

/// Waits until a checkpoint of more than `size` entries is published with the witness's line. Returns its size.
async fn cosigned_beyond(home: &Home, size: u64) -> u64 {
    let line = format!("\n\u{2014} {NAME} ");
    until(&format!("a cosigned checkpoint of more than {size} entries"), async || {
        let note = get_from_socket(&home.api(), "/log/checkpoint").await?.text();
        let found = note.lines().nth(1)?.parse().ok()?;
        (note.contains(&line) && found > size).then_some(found)
    })
    .await
}

#[tokio::test]
async fn published_checkpoints_are_cosigned_and_auditors_can_check_the_witness() {
    let Witnessed { home, witness, auditor, directory } = witnessed_home().await;
    let mut world = Setup::default().start_in(directory, home).await;
    let first = cosigned_beyond(&world.home, 0).await;
    for n in 0..5 {
        world.allows(&world.agent.request(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    // After the last outcome the log does not change any more.
    until("outcomes to be published", async || (auditor.of_kind("outcome/1").len() == 5).then_some(())).await;
    let grown = cosigned_beyond(&world.home, first + 9).await;
    assert_eq!(witness.size(), grown);
    let remark = format!("cosigned {grown} entries");
    until("the server to say so", async || {
        (world.server.readiness_of(PART).await.unwrap() == remark).then_some(())
    })
    .await;
    let figures = get(world.server.health(), "/metrics").await.unwrap().text();
    let figure = format!("portcullis_witness_cosigned{{witness=\"{NAME}\"}} {grown}\n");
    assert!(figures.contains(&figure), "{figures}");

    let by_witness = ["--witness", witness.key_file().to_str().unwrap()];
    let findings = auditor.audit(auditor.folder(), &by_witness).expect_holds();
    assert_eq!(findings["witnesses"], serde_json::json!([NAME]), "{findings}");
    // Without the witness's key its line is not checked.
    let findings = auditor.audit(auditor.folder(), &[]).expect_holds();
    assert_eq!(findings["witnesses"], serde_json::json!([]), "{findings}");
    check_evidence_is_cosigned(&world, &auditor);
    check_damaged_line_is_found(&auditor, &by_witness);

    let first = witness.wait_for_answers(0, 2).await;
    assert!(first[0].starts_with("old 0 "), "{first:?}");
    assert!(first.iter().all(|answer| answer.ends_with(" -> 200")), "no conflict and no refusal: {first:?}");
    let before = witness.answers().len();
    world.server.process.stop().await;
    world.server = Server::start(&world.home).await;
    cosigned_beyond(&world.home, grown).await;
    let since = witness.answers().split_off(before);
    assert!(
        since[0].starts_with("old 0 ") && since[0].ends_with(" -> 409"),
        "after a start the server does not know what the witness remembers: {since:?}"
    );
    assert!(since[1].starts_with(&format!("old {grown} ")) && since[1].ends_with(" -> 200"), "{since:?}");
    world.end().await;
}

/// Evidence has the witness's line in its checkpoint and the witness's key.
fn check_evidence_is_cosigned(world: &World, auditor: &LedgerAuditor) {
    let (folder, config) = (world.directory().join("evidence"), world.home.file("portcullis.yaml"));
    let [place, config] = [&folder, &config].map(|path| path.to_str().unwrap());
    let words = ["--from", "0", "--to", "3", "--evidence", place, "--config", config];
    let _ = auditor.run("export", auditor.folder(), &words).success();
    let key = folder.join("keys/witness-1.vkey");
    let findings = auditor.audit(&folder, &["--witness", key.to_str().unwrap()]).expect_holds();
    assert_eq!(findings["witnesses"], serde_json::json!([NAME]), "{findings}");
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(page.contains("; 1 more is a witness's") && page.contains(NAME), "{page}");
}

/// With a changed byte in the witness's line, an auditor with the witness's key refuses the checkpoint.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn check_damaged_line_is_found(auditor: &LedgerAuditor, by_witness: &[&str]) {
    let copied = auditor.key().parent().unwrap().join("damaged");
    copy(&auditor.folder().join("log"), &copied);
    let note = fs::read_to_string(copied.join("checkpoint")).unwrap();
    let at = note.len() - 60;
    let mut changed = note.into_bytes();
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    fs::write(copied.join("checkpoint"), changed).unwrap();
    auditor.audit(&copied, by_witness).expect_fault("checkpoint");
    auditor.audit(&copied, &[]).expect_holds();
}

#[tokio::test]
async fn a_witness_that_is_down_leaves_the_server_ready_and_one_that_remembers_more_does_not() {
    let Witnessed { home, witness, auditor, directory: _directory } = witnessed_home().await;
    witness.process.freeze().await;
    let mut server = Server::start(&home).await;
    let remark = server.readiness_of(PART).await.unwrap();
    assert!(remark.contains("no complete answer within 3s"), "{remark}");
    logs_once(&mut server, "could not be compared").await;

    witness.set_size(1_000_000);
    witness.process.signal(Signal::CONT);
    let why = until("the server not to be ready", async || server.readiness_of(PART).await.err()).await;
    assert!(why.starts_with("it holds 1000000 entries of this log, more than exist here"), "{why}");
    logs_once(&mut server, "this witness contradicts the ledger").await;
    assert_eq!(get(server.health(), "/readyz").await.unwrap().status, 503);

    witness.forget();
    cosigned_beyond(&home, 0).await;
    until("the server to be ready", async || server.readiness_of(PART).await.ok()).await;
    logs_once(&mut server, "the witness cosigns").await;
    let by_witness = ["--witness", witness.key_file().to_str().unwrap()];
    let findings = auditor.audit(auditor.folder(), &by_witness).expect_holds();
    assert_eq!(findings["witnesses"], serde_json::json!([NAME]));
}

#[tokio::test]
async fn a_rolled_back_ledger_is_not_served_and_a_rewritten_one_is_discovered() {
    let Witnessed { home, witness, auditor, directory } = witnessed_home().await;
    let mut server = Server::start(&home).await;
    cosigned_beyond(&home, 0).await;
    server.process.stop().await;
    let backup = directory.path().join("backup");
    copy(&auditor.folder(), &backup);
    let backed_up = ledger::Ledger::inspect(&backup).unwrap().durable;
    let mut server = Server::start(&home).await;
    cosigned_beyond(&home, backed_up.size).await;
    server.process.stop().await;
    let remembered = witness.size();

    // The whole backup, with `handed-out`: consistent in itself, but behind what the witness remembers.
    restore(&backup, &auditor.folder());
    let refused = refusal_line(&home).await;
    for part in [format!("witness {NAME} names {remembered}"), "acknowledged entries are missing".to_owned()]
    {
        assert!(refused.contains(&part), "{refused}");
    }
    assert_eq!(
        ledger::Ledger::inspect(&auditor.folder()).unwrap().durable,
        backed_up,
        "nothing was recorded"
    );

    // Without the witness nothing is noticed: the old ledger is served, and grows into another log.
    home.configure(|configuration| {
        drop(configuration["ledger"].as_object_mut().unwrap().remove("witnesses"))
    });
    while ledger::Ledger::inspect(&auditor.folder()).unwrap().published.size <= remembered {
        Server::start(&home).await.process.stop().await;
    }
    auditor.audit(auditor.folder(), &[]).expect_holds();
    witness.add_to(&home);
    let before = witness.answers().len();
    let refused = refusal_line(&home).await;
    assert!(
        refused.contains(&format!(
            "witness {NAME}: it holds {remembered} entries that this log does not continue"
        )),
        "{refused}"
    );
    let since = witness.wait_for_answers(before, 2).await;
    assert!(since[0].ends_with(" -> 409"), "{since:?}");
    assert!(
        since[1].starts_with(&format!("old {remembered} ")) && since[1].ends_with(" -> 422"),
        "{since:?}"
    );

    // If the witness is down when the server starts, the rewritten log is discovered as soon as the witness answers.
    witness.process.freeze().await;
    let mut server = Server::start(&home).await;
    witness.process.signal(Signal::CONT);
    let why = until("the server not to be ready", async || server.readiness_of(PART).await.err()).await;
    assert!(why.contains("the log was rewritten"), "{why}");
    logs_once(&mut server, "this witness contradicts the ledger").await;
    assert_eq!(witness.size(), remembered, "the witness has cosigned nothing of the rewritten log");
}

/// The only line about the witness in the log of a server that does not start.
async fn refusal_line(home: &Home) -> String {
    let failed = home.fail_to_start().await;
    assert_eq!(failed.status, 2, "{}", failed.log);
    let lines: Vec<&str> = failed.log.lines().filter(|line| line.contains(NAME)).collect();
    assert_eq!(lines.len(), 1, "one line about the witness:\n{}", failed.log);
    lines[0].to_owned()
}

fn restore(backup: &Path, ledger: &Path) {
    fs::remove_dir_all(ledger).unwrap();
    copy(backup, ledger);
}

/// Waits until the log contains this text, and asserts that only one line does.
async fn logs_once(server: &mut Server, text: &str) {
    server.process.find_in_log(text, |line| line.contains(text).then_some(())).await;
    let lines = server.process.log().lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines, 1, "{text}:\n{}", server.process.log());
}
