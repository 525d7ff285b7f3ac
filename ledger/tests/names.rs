//! A ledger has one writer, whatever is deleted, replaced or moved under it: nobody else gets its lock, and it
//! acknowledges nothing more once its files have lost their names.
//!
//! A writer that finds that ends its process. So the writer here is this test binary in another process, started with
//! the name of the ignored test; it records one entry for each line that it reads.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test binary: it may fail, and it changes files in ways that no ledger does"
)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use common::{denial, fact, options};
use ledger::{Entry, Ledger, OpenError};

/// A new ledger, and the writer of it.
struct Writer {
    _dir: tempfile::TempDir,
    path: PathBuf,
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Writer {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        Ledger::init(&path, "demo", &options()).unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "records_one_entry_for_each_line", "--ignored", "--nocapture"])
            .env("LEDGER", &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (requests, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { _dir: dir, path, process, requests, answers: BufReader::new(answers) }
    }

    /// Asks for one entry. `None`: the process ended without an answer.
    fn record(&mut self, what: &str) -> Option<u64> {
        // The process may have ended already; then there is no answer either.
        let _ = writeln!(self.requests, "{what}");
        let mut line = String::new();
        while self.answers.read_line(&mut line).unwrap() > 0 {
            if let Some(index) = line.trim_end().strip_prefix("acknowledged ") {
                return Some(index.parse().unwrap());
            }
            line.clear();
        }
        None
    }

    fn must_not_record(&mut self, what: &str, damage: &str) {
        assert_eq!(self.record(what), None, "{damage}: {what} was acknowledged");
        assert_eq!(self.process.wait().unwrap().signal(), Some(6), "{damage}: the process ends by itself");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "the other process of the tests here"]
fn records_one_entry_for_each_line() {
    let path = PathBuf::from(std::env::var_os("LEDGER").unwrap());
    let ledger = Ledger::open(&path, options()).unwrap();
    for line in std::io::stdin().lines() {
        let entry: Entry = if line.unwrap() == "fact" { fact() } else { denial("d") };
        let answer = format!("acknowledged {}\n", ledger.append(entry).unwrap().index());
        std::io::stdout().write_all(answer.as_bytes()).unwrap();
    }
}

/// Puts a copy of a file in its place.
fn replace_by_copy(path: &Path) {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).unwrap();
    fs::rename(&copy, path).unwrap();
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &to)
        } else {
            fs::copy(entry.path(), &to).map(drop).unwrap()
        }
    }
}

/// Moves a directory away and puts a copy in its place.
fn replace_dir_by_copy(path: &Path) {
    let away = path.with_extension("away");
    fs::rename(path, &away).unwrap();
    copy_dir(&away, path);
}

/// The segments that are whole. One that the writer still makes has another name, and takes its own at any moment.
fn segments(path: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(path.join("wal")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "wal")).collect();
    all.sort();
    all
}

#[test]
fn a_second_writer_is_refused_whatever_file_beside_the_log_is_deleted_or_replaced() {
    let mut writer = Writer::start();
    assert!(writer.record("denial").is_some());
    let path = writer.path.clone();
    let refused = |what: &str| {
        let error = Ledger::open(&path, options()).map(drop).unwrap_err();
        assert!(matches!(error, OpenError::Locked(_)), "{what}: {error}");
    };
    refused("nothing was changed");
    // The log itself is `wal`, `log` and `handed-out`, and nobody starts without the key.
    for entry in fs::read_dir(&path).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !["wal", "log", "handed-out", "log.vkey"].contains(&name) {
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap()
            } else {
                fs::remove_file(&path).unwrap()
            }
            refused(name);
        }
    }
    assert!(writer.record("denial").is_some(), "the first writer goes on");
    replace_by_copy(&path.join("handed-out"));
    refused("handed-out replaced by a copy");
    fs::remove_file(path.join("handed-out")).unwrap();
    assert!(Ledger::open(&path, options()).is_err(), "a log without `handed-out` does not start");
    writer.must_not_record("denial", "handed-out deleted");
}

#[test]
fn a_writer_whose_files_lost_their_names_acknowledges_nothing_more() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 8] = [
        ("the segment deleted", |path| fs::remove_file(&segments(path)[0]).unwrap()),
        ("all segments deleted", |path| {
            segments(path).iter().for_each(|segment| fs::remove_file(segment).unwrap())
        }),
        ("the segment replaced by a copy", |path| replace_by_copy(&segments(path)[0])),
        ("`handed-out` replaced by a copy", |path| replace_by_copy(&path.join("handed-out"))),
        ("the directory of segments replaced by a copy", |path| replace_dir_by_copy(&path.join("wal"))),
        ("the ledger moved away", |path| fs::rename(path, path.with_extension("away")).unwrap()),
        ("the ledger replaced by a copy", replace_dir_by_copy),
        ("a file in place of the ledger", |path| {
            fs::rename(path, path.with_extension("away")).unwrap();
            fs::write(path, "").unwrap();
        }),
    ];
    for (what, damage) in damages {
        for kind in ["denial", "fact"] {
            let mut writer = Writer::start();
            assert!(writer.record("denial").is_some() && writer.record("fact").is_some());
            damage(&writer.path);
            writer.must_not_record(kind, what);
        }
    }
}

#[test]
fn a_start_on_a_copy_that_took_the_place_of_a_ledger_has_all_that_was_acknowledged() {
    let mut writer = Writer::start();
    let last = (0..20).map(|_| writer.record("denial").unwrap()).max().unwrap();
    replace_dir_by_copy(&writer.path);
    let second = Ledger::open(&writer.path, options()).unwrap();
    assert!(second.recovery().size > last);
    let path = writer.path.clone();
    writer.must_not_record("denial", "a second writer has the names");
    second.append(denial("the second")).unwrap();
    second.close();
    assert!(Ledger::inspect(&path).unwrap().durable.size > last + 2);
}

#[test]
fn a_ledger_that_was_moved_away_and_back_goes_on() {
    let mut writer = Writer::start();
    assert!(writer.record("denial").is_some());
    let away = writer.path.with_extension("away");
    fs::rename(&writer.path, &away).unwrap();
    fs::rename(&away, &writer.path).unwrap();
    assert!(writer.record("denial").is_some() && writer.record("fact").is_some());
}
