//! A process that writes under load is killed many times at random moments: no acknowledged entry is lost.
//!
//! The process is this test binary, started with the name of the ignored test that writes until it is killed.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test binary: it may fail, it prints what it did, and it has its own clock"
)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{denial, fact, options};
use ledger::durable::{Disk, Op, Watch};
use ledger::tree::{Directory, MerkleTree};
use ledger::verify::Auditor;
use ledger::{Entry, Ledger, VerifyingKey};

const KILLS: usize = 60;

const WRITERS: usize = 4;

fn child(test: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("LEDGER", path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The size and root in the published checkpoint, which anybody may have read.
fn checkpoint(path: &Path) -> (u64, Vec<u8>) {
    let note = std::fs::read_to_string(path.join("log/checkpoint")).unwrap();
    let mut lines = note.lines().skip(1);
    let size = lines.next().unwrap().parse().unwrap();
    (size, lines.next().unwrap().as_bytes().to_vec())
}

fn root_line(path: &Path, size: u64) -> Vec<u8> {
    use base64::Engine;
    let source = Directory::new(&path.join("log"));
    let now = checkpoint(path).0;
    let root = MerkleTree::new(&source, now).edge(size).unwrap().root();
    base64::engine::general_purpose::STANDARD.encode(root).into_bytes()
}

#[test]
fn no_acknowledged_entry_is_lost_when_the_writer_is_killed_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let origin = Ledger::init(&path, "demo", &options()).unwrap();
    let fresh = || u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
    let seed = std::env::var("SEED").map_or_else(|_| fresh(), |seed| seed.parse().unwrap());
    println!("seed {seed}: set SEED to it to run this again");
    let mut random = seed;
    let mut acknowledged: Vec<(u64, String)> = Vec::new();
    let mut torn = 0;
    for kill in 0..KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let lines = usize::try_from((random >> 33) % 120).unwrap();
        let mut writer = child("writes_until_it_is_killed", &path);
        let mut output = BufReader::new(writer.stdout.take().unwrap());
        let mut line = String::new();
        let before = acknowledged.len();
        while acknowledged.len() < before + lines + 1 {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "seed {seed}: the writer ended by itself");
            acknowledged.extend(parse(&line));
        }
        let handed_out = checkpoint(&path);
        writer.kill().unwrap();
        assert_eq!(writer.wait().unwrap().signal(), Some(9));
        // The lines that it wrote before it was killed count too, except for a line that was cut.
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        acknowledged.extend(rest.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter_map(parse));

        let found = Ledger::inspect(&path).unwrap_or_else(|error| panic!("seed {seed} kill {kill}: {error}"));
        let last = acknowledged.iter().map(|(index, _)| *index).max().unwrap();
        assert!(found.durable.size > last, "seed {seed} kill {kill}: {} of {}", found.durable.size, last + 1);
        torn += usize::from(found.torn > 0);
        assert_eq!(
            root_line(&path, handed_out.0),
            handed_out.1,
            "seed {seed} kill {kill}: the tree was rewritten"
        );
    }
    let ledger = Ledger::open(&path, options()).unwrap();
    let records: Vec<_> = ledger.read(0).unwrap().map(Result::unwrap).collect();
    ledger.close();
    for (index, id) in &acknowledged {
        match &records[usize::try_from(*index).unwrap()].entry {
            Entry::Decision(decision) => assert_eq!(decision.id, *id),
            other => assert_eq!((other.is_fact(), id.as_str()), (true, "fact")),
        }
    }
    audit(&path, origin.key());
    println!(
        "{KILLS} kills, {} entries acknowledged, {} recorded, {torn} torn tails",
        acknowledged.len(),
        records.len()
    );
    assert!(acknowledged.len() > KILLS && records.len() >= acknowledged.len());
}

fn parse(line: &str) -> Option<(u64, String)> {
    let (index, id) = line.trim_end().strip_prefix("acknowledged ")?.split_once(' ')?;
    Some((index.parse().unwrap(), id.to_owned()))
}

fn audit(path: &Path, key: &VerifyingKey) {
    let auditor = Auditor { log: key, witnesses: &[], previous: None, threads: 2, progress: &|_, _| () };
    let report = auditor.audit(&Directory::new(&path.join("log"))).unwrap();
    assert!(report.holds(), "{:?}", report.faults);
}

#[test]
#[ignore = "the other process of the test above"]
fn writes_until_it_is_killed() {
    let path = PathBuf::from(std::env::var_os("LEDGER").unwrap());
    let ledger = Ledger::open(&path, options().interval(Duration::from_millis(5))).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let ledger = &ledger;
            scope.spawn(move || {
                for n in 0_u64.. {
                    let (id, entry) = if n % 16 == 15 {
                        ("fact".to_owned(), fact())
                    } else {
                        let id = format!("{}-{writer}-{n}", std::process::id());
                        (id.clone(), denial(&id))
                    };
                    let index = ledger.append(entry).unwrap().index();
                    let line = format!("acknowledged {index} {id}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// Lets the first syncs of segments pass and fails the later ones.
#[derive(Debug)]
struct FailsToSync(std::sync::atomic::AtomicU32);

impl Watch for FailsToSync {
    fn before(&self, op: &Op<'_>) -> std::io::Result<()> {
        if let Op::Sync(path) = op
            && path.extension().is_some_and(|end| end == "wal")
            && self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 10
        {
            return Err(std::io::Error::from_raw_os_error(28));
        }
        Ok(())
    }
}

#[test]
fn a_failed_sync_ends_the_process_and_the_next_start_records_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    Ledger::init(&path, "demo", &options()).unwrap();
    let mut writer = child("cannot_sync", &path);
    let mut output = String::new();
    writer.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    // Even ENOSPC ends the process when it comes from a sync. From a write it would only refuse entries.
    assert_eq!(writer.wait().unwrap().signal(), Some(6), "{output}");
    let acknowledged: Vec<_> = output.lines().filter_map(parse).collect();
    assert_eq!(acknowledged.len(), 9, "the start and nine entries were synced: {output}");
    let ledger = Ledger::open(&path, options()).unwrap();
    assert!(ledger.recovery().cut);
    assert!(ledger.recovery().size > acknowledged.iter().map(|(index, _)| *index).max().unwrap());
    let start = ledger.read(ledger.recovery().start).unwrap().next().unwrap().unwrap();
    assert!(matches!(start.entry, Entry::Start(start) if start.cut));
    ledger.close();
}

#[test]
#[ignore = "the other process of the test above"]
fn cannot_sync() {
    let path = PathBuf::from(std::env::var_os("LEDGER").unwrap());
    let disk = Disk::watched(std::sync::Arc::new(FailsToSync(0.into())));
    let ledger = Ledger::open(&path, options().disk(disk)).unwrap();
    for n in 0_u32.. {
        let index = ledger.append(denial(&n.to_string())).unwrap().index();
        let line = format!("acknowledged {index} {n}\n");
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}
