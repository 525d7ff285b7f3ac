//! The ledger against a plain group commit of the same frames, the fold at a start, and the memory of an idle server. These use
//! both cores, as a server on this machine would.

#[path = "../../ledger/benches/common/plain_group_commit.rs"]
mod plain_group_commit;

use ledger::durable::{Disk, Op, Watch};
use ledger::entry::Entry;
use ledger::{Ledger, Options as LedgerOptions, SigningKey};
use portcullis_tests::offline_ledger;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::now;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::cores;
use crate::measuring::memory;
use crate::options::Options;
use crate::results::{Figure, Results};
use crate::statistics::Spread;

const WRITERS: usize = 64;
/// Entries of a round: about a second.
const ENTRIES: usize = 64_000;

/// Measures both.
///
/// # Panics
/// When an entry is not recorded, or the server does not start.
pub async fn measure(options: &Options, results: &mut Results) {
    cores::run_on_both();
    group_commit(options, results);
    fold(options, results).await;
    cores::run_on(cores::LOAD);
}

/// The sizes of the frames that a ledger writes.
#[derive(Debug, Default)]
struct Frames(Mutex<Vec<usize>>);

impl Watch for Frames {
    fn before(&self, op: &Op<'_>) -> std::io::Result<()> {
        if let Op::Write(path, _, bytes) = op
            && path.extension().is_some_and(|ending| ending == "wal")
        {
            self.0.lock().expect("no panic").push(bytes.len());
        }
        Ok(())
    }
}

/// Each of the writers waits for its entry before it sends the next one. Both see the same disk, since they take turns.
fn group_commit(options: &Options, results: &mut Results) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("ledger");
    let settings = || {
        let key = SigningKey::from_seed(&[1; 32]).expect("a seed");
        LedgerOptions::new(key, Arc::new(|| now() * 1000), "bench")
    };
    Ledger::init(&path, "bench", &settings()).expect("a new ledger");
    let frames = Arc::new(Frames::default());
    let ledger =
        Ledger::open(&path, settings().disk(Disk::watched(frames.clone()))).expect("it was just made");
    let mut rates = Vec::new();
    for _ in 0..options.rounds() {
        frames.0.lock().expect("no panic").clear();
        let ours = from_all_writers(&|n| {
            ledger.append(entry(n)).expect("it is recorded");
        });
        let written: usize = frames.0.lock().expect("no panic").iter().sum();
        let plain = plain_group_commit::with(directory.path(), written / ENTRIES, from_all_writers);
        results.add(Figure::GroupCommit, plain.as_secs_f64() / ours.as_secs_f64());
        rates.push(ENTRIES as f64 / ours.as_secs_f64());
    }
    ledger.close();
    if let (Some(rate), Some(part)) = (Spread::of(rates), results.figure(Figure::GroupCommit)) {
        println!(
            "the ledger, {WRITERS} writers: {rate:.0} entries a second, {part:.2} of a plain group commit"
        );
    }
}

fn entry(n: usize) -> Entry {
    offline_ledger::spent_use(n, now()).into()
}

fn from_all_writers(call: &(dyn Fn(usize) + Sync)) -> Duration {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || (0..ENTRIES / WRITERS).for_each(|n| call(writer * ENTRIES + n)));
        }
    });
    began.elapsed()
}

/// So many decisions, each with a spent use.
const FOLDED: usize = 300_000;

/// What the server says about its own start.
async fn fold(options: &Options, results: &mut Results) {
    for _ in 0..options.rounds().min(3) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let home = Home::init(directory.path(), &[]);
        offline_ledger::fill_with_spent_uses(&home, FOLDED);
        let mut server = Server::start(&home).await;
        let (bytes, took) = server.process.find_in_log("what it folded", folded).await;
        results.add(Figure::Fold, bytes / 1e6 / took);
    }
    if let Some(rate) = results.figure(Figure::Fold) {
        println!("fold of {FOLDED} entries without a snapshot: {rate:.0} MB a second");
    }
}

/// The bytes and the seconds in the server's line about the fold.
fn folded(line: &str) -> Option<(f64, f64)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = &line["fields"];
    let is_it = fields["message"] == "folded the facts from the ledger";
    is_it.then(|| Some((fields["bytes"].as_f64()?, seconds(fields["took"].as_str()?)?)))?
}

/// The seconds in a duration as Rust prints it for debugging.
fn seconds(text: &str) -> Option<f64> {
    let units = [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    units
        .into_iter()
        .find_map(|(unit, seconds)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * seconds))
}

/// How long a server is left alone before its memory is read.
const ALONE: Duration = Duration::from_secs(5);

/// The resident memory of a server that was just started with the sample's bundle, and that nobody asks.
///
/// # Panics
/// When it does not start.
pub async fn idle(options: &Options, results: &mut Results) {
    cores::run_on_both();
    for _ in 0..options.rounds().min(3) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let server = Server::start(&Home::init(directory.path(), &[])).await;
        tokio::time::sleep(ALONE).await;
        let memory = memory(&server.process);
        results.add(Figure::Idle, memory.resident as f64 / 1e6);
        results.add(Figure::IdleOwn, memory.own as f64 / 1e6);
    }
    cores::run_on(cores::LOAD);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_line_about_its_fold_is_read() {
        let line = r#"{"fields":{"message":"folded the facts from the ledger","as_of":3,"bytes":2000000,"took":"1.5ms"}}"#;
        assert_eq!(folded(line), Some((2e6, 0.0015)));
        assert_eq!(folded(r#"{"fields":{"message":"listening"}}"#), None);
        assert_eq!([seconds("2s"), seconds("3µs"), seconds("x")], [Some(2.0), Some(3.0 * 1e-6), None]);
    }
}
