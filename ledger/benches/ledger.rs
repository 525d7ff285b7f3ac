//! Measures the ledger against fixed targets, together with what the same disk does without a ledger in the same run.
//!
//! `cargo bench -p ledger` prints the figures; `-- quick` uses a tenth of the entries. The ledgers are in a temporary
//! directory: set `TMPDIR` to a directory on the disk to measure (on a `tmpfs` a sync takes no time).
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark may fail, and it has its own clock"
)]

#[path = "../tests/common/decision.rs"]
mod example_decision;
#[path = "../src/example_log.rs"]
mod example_log;
#[path = "common/plain_group_commit.rs"]
mod plain_group_commit;

use std::fs::OpenOptions;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ledger::durable::{Disk, Op, Watch};
use ledger::entry::{self, Decision, OutcomeReport};
use ledger::tree::Directory;
use ledger::verify::Auditor;
use ledger::{Entry, Ledger, Options, RecordError, SigningKey};
use plain_group_commit::{ZEROS, zeros};

fn main() {
    let quick = std::env::args().any(|argument| argument == "quick");
    let scale = if quick { 10 } else { 1 };
    let dir = tempfile::tempdir().unwrap();
    println!("directory {}", dir.path().display());
    many_writers(dir.path(), 400_000 / scale);
    one_writer(dir.path(), 3_000 / scale);
    growth(dir.path(), 1_000_000 / scale);
    allows(dir.path(), 1_000_000 / scale);
    println!("largest resident memory of the whole run: {} MB", resident_mb());
}

/// The sizes of the frames.
#[derive(Debug, Default)]
struct Frames(Mutex<Vec<usize>>);

impl Watch for Frames {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        if let Op::Write(path, _, bytes) = op
            && path.extension().is_some_and(|ending| ending == "wal")
        {
            self.0.lock().unwrap().push(bytes.len());
        }
        Ok(())
    }
}

fn options() -> Options {
    let clock = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    Options::new(SigningKey::from_seed(&[1; 32]).unwrap(), Arc::new(clock), "bench")
}

fn entry(n: usize) -> Entry {
    example_decision::denied(&format!("{n:022}")).into()
}

/// 64 writers, each of which waits for its entry before it sends the next. They take turns with two comparisons, so that
/// all see the same disk: one thread that only writes and syncs the same frames, and 64 writers of a plain group commit.
fn many_writers(dir: &Path, entries: usize) {
    const TURNS: usize = 8;
    let path = dir.join("many");
    Ledger::init(&path, "bench", &options()).unwrap();
    let frames = Arc::new(Frames::default());
    let ledger = Ledger::open(&path, options().disk(Disk::watched(frames.clone()))).unwrap();
    let (mut ours, mut plain, mut group) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut waits, mut count) = (Vec::new(), 0);
    for _ in 0..TURNS {
        frames.0.lock().unwrap().clear();
        let began = Instant::now();
        waits.extend(sixty_four(entries / TURNS, &|n| assert!(ledger.append(entry(n)).is_ok())));
        ours += began.elapsed();
        let sizes = std::mem::take(&mut *frames.0.lock().unwrap());
        count += sizes.len();
        plain += raw(dir, &sizes).iter().sum::<Duration>();
        group += raw_group(dir, entries / TURNS, sizes.iter().sum::<usize>() / (entries / TURNS));
    }
    ledger.close();
    waits.sort_unstable();
    let rate = |took: Duration| waits.len() as f64 / took.as_secs_f64();
    println!(
        "64 writers: {:.0} entries/s, median wait {:?}, p99 {:?}, {:.0} entries a frame",
        rate(ours),
        waits[waits.len() / 2],
        waits[waits.len() * 99 / 100],
        waits.len() as f64 / count as f64
    );
    println!(
        "  the same frames by one thread alone: {:.0} entries/s: {:.2} of it",
        rate(plain),
        rate(ours) / rate(plain)
    );
    println!(
        "  a plain group commit of 64 writers: {:.0} entries/s: {:.2} of it (target: 0.8)",
        rate(group),
        rate(ours) / rate(group)
    );
}

/// Calls the function from 64 threads, and returns how long each call took.
fn sixty_four(calls: usize, call: &(dyn Fn(usize) + Sync)) -> Vec<Duration> {
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..64)
            .map(|writer| {
                scope.spawn(move || {
                    let timed = |n| {
                        let began = Instant::now();
                        call(writer * calls + n);
                        began.elapsed()
                    };
                    (0..calls / 64).map(timed).collect::<Vec<_>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    })
}

/// The same number of calls by a plain group commit.
fn raw_group(dir: &Path, calls: usize, bytes: usize) -> Duration {
    plain_group_commit::with(dir, bytes, |write| {
        let began = Instant::now();
        sixty_four(calls, write);
        began.elapsed()
    })
}

/// Writes blocks of these sizes one after the other into a file of zeros, with a sync after each.
fn raw(dir: &Path, sizes: &[usize]) -> Vec<Duration> {
    let path = dir.join("raw");
    let file = zeros(&path);
    let bytes = vec![7; sizes.iter().copied().max().unwrap_or(0)];
    let mut at = 0;
    let mut waits = Vec::new();
    for size in sizes {
        if at + size > ZEROS {
            at = 0;
        }
        let began = Instant::now();
        file.write_all_at(&bytes[..*size], at as u64).unwrap();
        file.sync_data().unwrap();
        waits.push(began.elapsed());
        at += size;
    }
    std::fs::remove_file(&path).unwrap();
    waits
}

/// One writer alone, turn about with raw syncs of the same size, so that both see the same disk.
fn one_writer(dir: &Path, entries: usize) {
    let path = dir.join("one");
    Ledger::init(&path, "bench", &options()).unwrap();
    let ledger = Ledger::open(&path, options()).unwrap();
    let (mut ours, mut raws) = (Vec::new(), Vec::new());
    for n in 0..entries / 100 {
        for m in 0..100 {
            let entry = entry(n * 100 + m);
            let began = Instant::now();
            ledger.append(entry).unwrap();
            ours.push(began.elapsed());
        }
        raws.extend(raw_small(dir));
    }
    ours.sort_unstable();
    raws.sort_unstable();
    let (ours, raw) = (ours[ours.len() / 2], raws[raws.len() / 2]);
    println!(
        "one writer: median {ours:?}, median write+fdatasync {raw:?}: {:.2} (target: 1.3)",
        ours.as_secs_f64() / raw.as_secs_f64()
    );
    ledger.close();
}

fn raw_small(dir: &Path) -> Vec<Duration> {
    let path = dir.join("raw-small");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).unwrap();
    file.write_all_at(&vec![0; 256 * 1024], 0).unwrap();
    file.sync_all().unwrap();
    let frame = vec![7; 900];
    (0..100_u64)
        .map(|n| {
            let began = Instant::now();
            file.write_all_at(&frame, n * 900).unwrap();
            file.sync_data().unwrap();
            began.elapsed()
        })
        .collect()
}

/// Submits entries with these numbers without waiting for each one, as many as fit in the queue.
fn fill(ledger: &Ledger, numbers: Range<usize>, entry: &dyn Fn(usize) -> Entry) -> Duration {
    let began = Instant::now();
    let (sender, receiver) = mpsc::channel();
    let mut out = 0;
    for n in numbers {
        let sender = sender.clone();
        ledger.submit(entry(n), Box::new(move |result| drop(sender.send(result))));
        out += 1;
        while out >= 2048 {
            let result: Result<_, RecordError> = receiver.recv().unwrap();
            result.unwrap();
            out -= 1;
        }
    }
    for _ in 0..out {
        receiver.recv().unwrap().unwrap();
    }
    began.elapsed()
}

/// Measures the cost of an entry while the log grows; then a start, a fold and an audit at the full size.
fn growth(dir: &Path, entries: usize) {
    let path = dir.join("growth");
    Ledger::init(&path, "bench", &options()).unwrap();
    let ledger = Ledger::open(&path, options()).unwrap();
    let tenth = entries / 10;
    let mut costs = Vec::new();
    for part in 0..10 {
        let numbers = part * tenth..(part + 1) * tenth;
        costs.push(fill(&ledger, numbers, &entry).as_secs_f64() / tenth as f64 * 1e6);
    }
    println!("cost an entry, pipelined, by tenth of {entries}: {costs:.2?} µs");
    let size = ledger.publish().unwrap();
    ledger.save_snapshot(size, |to| to.write_all(b"facts")).unwrap();
    ledger.close();

    let began = Instant::now();
    let ledger = Ledger::open(&path, options()).unwrap();
    let snapshot = ledger.snapshots().unwrap().next().unwrap();
    let folded = ledger.read(snapshot.saved.head.size).unwrap().map(Result::unwrap).count();
    println!(
        "start from a snapshot at {size} entries: {:?}, {folded} entries folded (target: 3 s)",
        began.elapsed()
    );
    let began = Instant::now();
    let mut records = ledger.read(0).unwrap().ahead();
    let count = records.by_ref().map(Result::unwrap).count();
    let bytes = records.bytes();
    let fold = began.elapsed();
    let began = Instant::now();
    let read = read_all(&path.join("log/tile/entries"));
    let plain = began.elapsed();
    println!(
        "fold of all {count} entries: {fold:?} ({:.0} MB/s); reading the {} MB: {plain:?}",
        bytes as f64 / fold.as_secs_f64() / 1e6,
        read / 1_000_000
    );
    audit(&path, "denials");
}

/// Measures an audit of allows, each of which burns a use, and of their outcomes: what an audit keeps most about.
fn allows(dir: &Path, entries: usize) {
    let path = dir.join("allows");
    let clock = || example_log::CLOCK * 1000;
    let options = || Options::new(SigningKey::from_seed(&[1; 32]).unwrap(), Arc::new(clock), "bench");
    Ledger::init(&path, "bench", &options()).unwrap();
    let ledger = Ledger::open(&path, options()).unwrap();
    ledger.append(example_log::activation(1).into()).unwrap();
    // The queue keeps the order, so that each outcome knows the index of its decision.
    let first = ledger.size();
    let pair = |n: usize| {
        let (id, index) = (format!("{:022}", n / 2), first + (n as u64 & !1));
        if n.is_multiple_of(2) {
            let link = [(id.as_str(), Some(1))];
            Entry::from(Decision { as_of: first, ..example_log::allowed_with_limits(&id, &link) })
        } else {
            outcome_of(index, id).into()
        }
    };
    fill(&ledger, 0..entries, &pair);
    ledger.close();
    audit(&path, "allows and outcomes");
}

fn outcome_of(index: u64, id: String) -> OutcomeReport {
    OutcomeReport {
        attempts: 1,
        bytes_in: 100,
        bytes_out: 1000,
        duration: 3,
        id,
        index,
        proxy: "local".to_owned(),
        reached: true,
        repeat: false,
        status: Some(200),
        termination: String::new(),
    }
}

fn audit(path: &Path, of: &str) {
    let key = std::fs::read_to_string(path.join("log.vkey")).unwrap().parse().unwrap();
    let auditor = Auditor { log: &key, witnesses: &[], previous: None, threads: 0, progress: &|_, _| () };
    let began = Instant::now();
    let report = auditor.audit(&Directory::new(&path.join("log"))).unwrap();
    assert!(report.holds(), "{:?}", report.faults);
    let took = began.elapsed().as_secs_f64();
    println!(
        "verify of {of}: {:.0} entries/s, {:.0} MB/s, entries of {} bytes (target: 400 MB/s or 300,000 of 512 bytes)",
        report.size as f64 / took,
        report.bytes as f64 / took / 1e6,
        report.bytes / report.size
    );
}

fn read_all(path: &Path) -> u64 {
    std::fs::read_dir(path)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { read_all(&path) } else { std::fs::read(&path).unwrap().len() as u64 }
        })
        .sum()
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
