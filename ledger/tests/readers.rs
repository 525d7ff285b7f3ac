//! Readers that share no code with this crate accept the published log, and refuse every tampered file.
//!
//! One is written in Python from the texts of the specifications, the other uses Go's `sumdb` packages. `./dev test` installs
//! both languages, and there a reader that cannot run is a failure. Elsewhere its test says in one line that it did not run.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test binary: it may fail, it prints what it did, and it has its own clock"
)]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{denial, fact, options};
use ledger::note::SignedCheckpoint;
use ledger::proof::EntryProof;
use ledger::published_file::PublishedFile;
use ledger::tree::{Directory, LogSource};
use ledger::verify::Auditor;
use ledger::{Ledger, VerifyingKey};

/// A published log with proofs, whose files the test tampers with.
struct TestLog {
    dir: tempfile::TempDir,
    key: VerifyingKey,
}

impl TestLog {
    fn new(entries: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let key = Ledger::init(&path, "demo", &options()).unwrap().key().clone();
        let ledger = Ledger::open(&path, options()).unwrap();
        for n in 0..entries {
            ledger.append(if n % 50 == 49 { fact() } else { denial(&format!("d-{n}")) }).unwrap();
        }
        ledger.close();
        let published = Self { dir, key };
        for index in [0, 255, 256, u64::try_from(entries).unwrap()] {
            let source = Directory::new(&published.log());
            let note = source.get(PublishedFile::Checkpoint).unwrap().unwrap();
            let checkpoint = SignedCheckpoint::parse(&note, &published.key, &[]).unwrap();
            let proof = EntryProof::make(&source, checkpoint, index).unwrap();
            let path = published.dir.path().join(format!("{index}.tlog-proof"));
            std::fs::write(path, proof.to_string()).unwrap();
        }
        std::fs::write(published.dir.path().join("key"), format!("{}\n", published.key)).unwrap();
        published
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("ledger/log")
    }

    fn proofs(&self) -> Vec<PathBuf> {
        let names = std::fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.extension().is_some_and(|end| end == "tlog-proof")).collect()
    }

    /// The files that the current checkpoint needs, and the proofs.
    fn files(&self) -> Vec<PathBuf> {
        let note = std::fs::read(self.log().join("checkpoint")).unwrap();
        let size = SignedCheckpoint::parse(&note, &self.key, &[]).unwrap().checkpoint().size;
        let mut files = vec![PublishedFile::Checkpoint, PublishedFile::hashes(1, 0, size).unwrap()];
        for index in 0..size.div_ceil(256) {
            files.extend([
                PublishedFile::entries(index, size).unwrap(),
                PublishedFile::hashes(0, index, size).unwrap(),
            ]);
        }
        let files = files.into_iter().map(|file| self.log().join(file.path()));
        files.chain(self.proofs()).collect()
    }

    fn accepted_by(&self, reader: &[&str]) -> bool {
        let (program, arguments) = reader.split_first().unwrap();
        Command::new(program)
            .args(arguments)
            .arg(self.dir.path().join("key"))
            .arg(self.log())
            .args(self.proofs())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    /// This crate's own verifier, for comparison.
    fn accepted_by_us(&self) -> bool {
        let auditor =
            Auditor { log: &self.key, witnesses: &[], previous: None, threads: 1, progress: &|_, _| () };
        let audited = auditor.audit(&Directory::new(&self.log())).is_ok_and(|report| report.holds());
        let proved =
            |path: &PathBuf| EntryProof::verify(&std::fs::read(path).unwrap(), &self.key, &[]).is_ok();
        audited && self.proofs().iter().all(proved)
    }

    /// The log is accepted; after one byte of any file is changed, removed or added, it is not.
    fn try_on(&self, accepts: impl Fn() -> bool) -> usize {
        assert!(accepts(), "the untouched log is refused");
        let mut tried = 0;
        for file in self.files() {
            let whole = std::fs::read(&file).unwrap();
            let middle = whole.len() / 2;
            let mut changed = whole.clone();
            changed[middle] ^= 1;
            for tampered in [changed, whole[..whole.len() - 1].to_vec(), [whole.as_slice(), b"x"].concat()] {
                std::fs::write(&file, tampered).unwrap();
                assert!(!accepts(), "{} was tampered with, but is accepted", file.display());
                tried += 1;
            }
            std::fs::write(&file, whole).unwrap();
        }
        assert!(accepts(), "the restored log is refused");
        tried
    }
}

fn readers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers")
}

fn is_there(program: &str, argument: &str) -> bool {
    let found = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

/// Says that a reader did not run, and what is missing. `./dev test` asks for all readers: then it is a failure.
fn did_not_run(reader: &str, missing: &str) {
    let line = format!("NOT RUN: {reader}: {missing}. ./dev test installs what it needs.");
    assert!(std::env::var_os("PORTCULLIS_ALL_READERS").is_none(), "{line}");
    // Not by `println`: cargo shows what a passing test prints only on demand.
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

#[test]
fn our_own_verifier_refuses_every_tampered_file() {
    let published = TestLog::new(600);
    println!("our own verifier refused {} tampered files", published.try_on(|| published.accepted_by_us()));
}

#[test]
fn a_python_reader_from_the_specifications_refuses_every_tampered_file() {
    if !is_there("python3", "--version") {
        return did_not_run("the Python reader", "python3 is missing (Debian: apt-get install python3)");
    }
    let published = TestLog::new(600);
    let script = readers().join("reader.py");
    let reader = ["python3", "-B", script.to_str().unwrap()];
    println!("Python refused {} tampered files", published.try_on(|| published.accepted_by(&reader)));
}

#[test]
fn the_reader_of_gos_checksum_database_refuses_every_tampered_file() {
    if !is_there("go", "version") {
        return did_not_run("the Go reader", "go is missing (Debian: apt-get install golang-go)");
    }
    let published = TestLog::new(600);
    let reader = published.dir.path().join("reader");
    let built = Command::new("go")
        .args(["build", "-o", reader.to_str().unwrap(), "."])
        .current_dir(readers().join("go"))
        .output()
        .unwrap();
    if !built.status.success() {
        let errors = String::from_utf8_lossy(&built.stderr);
        let is_offline = errors.contains("dial tcp") || errors.contains("lookup");
        assert!(is_offline, "the reader does not build: {errors}");
        return did_not_run(
            "the Go reader",
            "golang.org/x/mod cannot be downloaded (connect, and run it again)",
        );
    }
    let reader = [reader.to_str().unwrap()];
    println!("Go refused {} tampered files", published.try_on(|| published.accepted_by(&reader)));
}
