//! A start folds little, however long the log is and however the server before it ended, and what it folds is the same
//! with every snapshot and with none.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};

use ledger::entry::{BurnKind, DecisionOutcome, RecordedBurn, RecordedVerdict, VerdictCode};
use ledger::{Entry, Options, SigningKey};

use super::*;
use crate::example_decision::denied;
use crate::facts;

const NOW: u64 = 1_795_230_579;

fn options() -> Options {
    Options::new(SigningKey::from_seed(&[9; 32]).unwrap(), Arc::new(|| NOW * 1000), "test")
}

fn opened(path: &Path) -> Ledger {
    Ledger::open(path, options()).unwrap()
}

/// An allow that burned one use, which stays burned for an hour.
fn allow(ledger: &Ledger, name: &str) -> Entry {
    let mut decision = denied(crate::recorder::DecisionId::random().as_str());
    decision.as_of = ledger.size();
    decision.clock = NOW;
    decision.outcome = DecisionOutcome::Allowed;
    decision.verdict = RecordedVerdict { code: VerdictCode::Permit, ..decision.verdict };
    decision.burned = vec![
        RecordedBurn {
            max: 1,
            name: name.to_owned(),
            owner: "https://a".to_owned(),
            until: NOW + 3600,
            what: BurnKind::Use,
        }
        .into(),
    ];
    decision.into()
}

/// Records this many allows, with new names. Returns when all are durable.
fn record(ledger: &Ledger, count: usize, prefix: &str) {
    const IN_FLIGHT: usize = 1000;
    let (sender, answers) = mpsc::channel();
    for n in 0..count {
        let sender = sender.clone();
        let done = move |recorded: Result<_, _>| drop(sender.send(recorded));
        ledger.submit(allow(ledger, &format!("{prefix}-{n}")), Box::new(done));
        if n >= IN_FLIGHT {
            answers.recv().unwrap().unwrap();
        }
    }
    for _ in 0..count.min(IN_FLIGHT) {
        answers.recv().unwrap().unwrap();
    }
}

/// What a server would know live of these logs, in which nothing is revoked or attested.
fn known(ledger: &Ledger) -> Known {
    let ledger = ledger.clone();
    Box::new(move || KnownTables { as_of: ledger.size(), tables: Arc::default() })
}

/// Waits for a condition, for a minute at most.
fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The sizes of the snapshots, the oldest first.
fn snapshots(ledger: &Path) -> Vec<u64> {
    let names = std::fs::read_dir(ledger.join("snapshot")).unwrap().map(|entry| entry.unwrap().path());
    let size = |path: PathBuf| path.to_str()?.strip_suffix(".snapshot")?.rsplit('/').next()?.parse().ok();
    let mut sizes: Vec<u64> = names.filter_map(size).collect();
    sizes.sort_unstable();
    sizes
}

/// The other process: it records until it is killed, `ROUND` entries at a time, and lets the snapshots catch up in between.
const ROUND: u64 = 700;
const SMALL: Amount = Amount { entries: 1_000, bytes: u64::MAX };

#[test]
#[ignore = "the other process of the test below"]
fn records_until_it_is_killed() {
    let path = from_environment("LEDGER");
    let ledger = opened(Path::new(&path));
    let _snapshots = start(ledger.clone(), known(&ledger), SMALL).unwrap();
    for round in 0_u32.. {
        record(&ledger, usize::try_from(ROUND).unwrap(), &format!("{}-{round}", std::process::id()));
        println!("recorded {}", ledger.size());
        let saved = || snapshots(Path::new(&path)).last().copied().unwrap_or(0);
        until("a snapshot", || ledger.size() - saved() < SMALL.entries);
    }
}

#[expect(clippy::disallowed_methods, reason = "a test passes the path to its other process")]
fn from_environment(name: &str) -> String {
    std::env::var(name).unwrap()
}

fn other_process(test: &str, ledger: &Path) -> KilledOnDrop {
    let test = format!("server::snapshots::tests::{test}");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &test, "--ignored", "--nocapture"]).env("LEDGER", ledger);
    KilledOnDrop(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
}

struct KilledOnDrop(Child);

impl KilledOnDrop {
    /// The sizes of the ledger that it reports.
    fn sizes(&mut self) -> impl Iterator<Item = u64> {
        let lines = BufReader::new(self.0.stdout.take().unwrap()).lines().map_while(Result::ok);
        lines.filter_map(|line| line.strip_prefix("recorded ")?.parse().ok())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_start_after_a_kill_folds_only_what_came_after_the_last_snapshot_of_the_running_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    Ledger::init(&path, "demo", &options()).unwrap();
    let mut longest = 0;
    for kill in 1..=2 {
        let mut server = other_process("records_until_it_is_killed", &path);
        let goal = longest + 4 * ROUND;
        // A moment at which some entries came after the last snapshot.
        let is_moment =
            |size: u64| snapshots(&path).last().is_some_and(|last| *last >= goal && size >= last + 100);
        assert!(server.sizes().any(is_moment), "the server ended by itself");
        server.kill();
        let ledger = opened(&path);
        let (facts, Amount { entries, .. }) = facts::fold(&ledger).unwrap();
        longest = facts.own.as_of;
        println!("kill {kill}: {entries} of {longest} entries folded");
        // The snapshots may be one round and what starts a snapshot behind; a start and a stop are entries too.
        assert!(longest > goal && (100..=ROUND + SMALL.entries + 4).contains(&entries), "{entries} entries");
        let allowed =
            ledger.read(0).unwrap().filter(|record| is_decision(&record.as_ref().unwrap().entry)).count();
        assert_eq!(facts.burns.len(), allowed, "every recorded use is burned");
        ledger.close();
    }
    assert_eq!(snapshots(&path).len(), 2, "old snapshots are removed");
}

fn is_decision(entry: &Entry) -> bool {
    matches!(entry, Entry::Decision(_))
}

#[test]
fn a_snapshot_is_due_after_enough_entries_or_enough_bytes_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    Ledger::init(&path, "demo", &options()).unwrap();
    let ledger = opened(&path);
    let look = |snapshots: &mut Snapshots| {
        ledger.publish().unwrap();
        snapshots.rest_until = None;
        snapshots.look();
        ledger.snapshots().unwrap().next().map_or(0, |newest| newest.saved.head.size)
    };
    let mut by_entries =
        Snapshots::of(ledger.clone(), known(&ledger), Amount { entries: 100, bytes: u64::MAX });
    record(&ledger, 97, "a");
    assert_eq!(look(&mut by_entries), 0, "one entry too few");
    record(&ledger, 1, "b");
    assert_eq!((ledger.size(), look(&mut by_entries)), (100, 100));
    record(&ledger, 99, "c");
    assert_eq!(look(&mut by_entries), 100, "one entry too few");
    record(&ledger, 1, "d");
    assert_eq!(look(&mut by_entries), 200);
    let mut by_bytes =
        Snapshots::of(ledger.clone(), known(&ledger), Amount { entries: u64::MAX, bytes: 10_000 });
    let written = ledger.health().written;
    while ledger.health().written < written + 9_000 {
        record(&ledger, 1, &format!("e{}", ledger.size()));
    }
    assert_eq!(look(&mut by_bytes), 200, "some bytes too few");
    record(&ledger, 3, "f");
    assert_eq!(look(&mut by_bytes), ledger.size());
}

#[test]
fn a_snapshot_that_disappears_while_the_server_runs_is_replaced_from_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    Ledger::init(&path, "demo", &options()).unwrap();
    let ledger = opened(&path);
    let mut thread = Snapshots::of(ledger.clone(), known(&ledger), Amount { entries: 50, bytes: u64::MAX });
    let mut look = || {
        ledger.publish().unwrap();
        thread.rest_until = None;
        thread.look()
    };
    record(&ledger, 60, "a");
    assert_eq!(look(), LOOK_EVERY);
    assert_eq!(snapshots(&path), [ledger.size()]);
    std::fs::remove_dir_all(path.join("snapshot")).unwrap();
    record(&ledger, 60, "b");
    assert_eq!(look(), PAUSE_AFTER_ERROR, "the snapshot before it is needed");
    assert_eq!(look(), LOOK_EVERY);
    assert_eq!(snapshots(&path), [ledger.size()]);
    assert_eq!(facts::fold(&ledger).unwrap().0.burns.len(), 120);
}

#[test]
fn a_damaged_a_foreign_and_a_missing_snapshot_are_left_out_and_the_facts_are_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    Ledger::init(&path, "demo", &options()).unwrap();
    let ledger = opened(&path);
    let mut sizes = vec![0];
    for prefix in ["a", "b"] {
        record(&ledger, 50, prefix);
        let (facts, _) = facts::fold(&ledger).unwrap();
        ledger.save_snapshot(facts.own.as_of, |to| facts::snapshot::write(to, &facts)).unwrap();
        sizes.push(facts.own.as_of);
    }
    record(&ledger, 7, "c");
    let folded_from = |from: u64, what: &str| {
        let (facts, folded) = facts::fold(&ledger).unwrap();
        assert_eq!(facts.own.as_of - folded.entries, from, "{what}");
        assert_eq!((facts.burns.len(), facts.own.as_of), (107, ledger.size()), "{what}");
    };
    let file = |size: u64| path.join(format!("snapshot/{size:016}.snapshot"));
    folded_from(sizes[2], "both snapshots are whole");
    let damage = |size: u64| {
        let mut bytes = std::fs::read(file(size)).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        ledger::durable::replace(&file(size), &bytes).unwrap();
    };
    damage(sizes[2]);
    folded_from(sizes[1], "the newest is damaged");
    ledger.save_snapshot(sizes[2], |to| to.write_all(b"{\"version\":1}\n")).unwrap();
    folded_from(sizes[1], "the newest was written by another version");
    damage(sizes[1]);
    folded_from(0, "both cannot be used");
    std::fs::remove_dir_all(path.join("snapshot")).unwrap();
    folded_from(0, "there is none");
    let (facts, _) = facts::fold(&ledger).unwrap();
    ledger.save_snapshot(facts.own.as_of, |to| facts::snapshot::write(to, &facts)).unwrap();
    folded_from(facts.own.as_of, "a new one was saved");
}

#[test]
#[ignore = "takes minutes, on a machine with nothing else to do: cargo test --release --workspace --lib -- --ignored after_a_million_entries --nocapture"]
fn a_start_after_a_million_entries_and_a_kill_takes_at_most_3_s() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    Ledger::init(&path, "demo", &options()).unwrap();
    let mut server = other_process("records_a_million", &path);
    assert!(server.sizes().any(|size| size >= 1_000_000), "the server ended by itself");
    server.kill();
    let timed = |what: &str| {
        let began = Instant::now();
        let ledger = opened(&path);
        let opened_after = began.elapsed();
        let (facts, Amount { entries, bytes }) = facts::fold(&ledger).unwrap();
        let took = began.elapsed();
        println!(
            "{what}: {took:?} (recovering the log {opened_after:?}), {entries} of {} entries folded ({bytes} bytes), {} uses burned",
            facts.own.as_of,
            facts.burns.len()
        );
        ledger.close();
        took
    };
    let took = timed("start after a kill");
    std::fs::remove_dir_all(path.join("snapshot")).unwrap();
    timed("the same without any snapshot");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
#[ignore = "the other process of the test above"]
fn records_a_million() {
    let ledger = opened(Path::new(&from_environment("LEDGER")));
    let _snapshots = start(ledger.clone(), known(&ledger), SCHEDULE).unwrap();
    // Ten thousand a second: more than a server of two cores decides.
    let began = Instant::now();
    for round in 1_u32.. {
        record(&ledger, 1_000, &format!("{round}"));
        until("its turn", || began.elapsed() > round * Duration::from_millis(100));
        println!("recorded {}", ledger.size());
    }
}
