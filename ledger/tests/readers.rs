//! Readers that share no code with us accept what is published as it stands, and refuse every tampered file.
//!
//! One is Python from the specifications' texts, the other Go's own `sumdb` packages. Where one of the two languages is
//! not on the machine, that half says so and is left out.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test binary: it may fail, it prints what it did, and it has a clock of its own"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{denial, fact, options};
use ledger::note::SignedCheckpoint;
use ledger::proof::Proof;
use ledger::resource::Resource;
use ledger::tree::{Directory, Source};
use ledger::verify::Auditor;
use ledger::{Ledger, VerifyingKey};

/// A published log with proofs, and a copy of it to spoil.
struct Published {
    dir: tempfile::TempDir,
    key: VerifyingKey,
}

impl Published {
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
            let note = source.get(Resource::Checkpoint).unwrap().unwrap();
            let checkpoint = SignedCheckpoint::parse(&note, &published.key, &[]).unwrap();
            let proof = Proof::make(&source, checkpoint, index).unwrap();
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

    /// What the present checkpoint refers to, and the proofs.
    fn files(&self) -> Vec<PathBuf> {
        let note = std::fs::read(self.log().join("checkpoint")).unwrap();
        let size = SignedCheckpoint::parse(&note, &self.key, &[]).unwrap().checkpoint().size;
        let mut resources = vec![Resource::Checkpoint, Resource::hashes(1, 0, size).unwrap()];
        for index in 0..size.div_ceil(256) {
            resources
                .extend([Resource::entries(index, size).unwrap(), Resource::hashes(0, index, size).unwrap()]);
        }
        let files = resources.into_iter().map(|resource| self.log().join(resource.path()));
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

    /// Ours, for comparison.
    fn accepted_by_us(&self) -> bool {
        let auditor =
            Auditor { log: &self.key, witnesses: &[], previous: None, threads: 1, progress: &|_, _| () };
        let audited = auditor.audit(&Directory::new(&self.log())).is_ok_and(|report| report.holds());
        let proved = |path: &PathBuf| Proof::verify(&std::fs::read(path).unwrap(), &self.key, &[]).is_ok();
        audited && self.proofs().iter().all(proved)
    }

    /// The log as it is holds; with one byte of any file changed, cut or added, it does not.
    fn try_on(&self, accepts: impl Fn() -> bool) -> usize {
        assert!(accepts(), "the log as it stands is refused");
        let mut tried = 0;
        for file in self.files() {
            let whole = std::fs::read(&file).unwrap();
            let middle = whole.len() / 2;
            let mut changed = whole.clone();
            changed[middle] ^= 1;
            for tampered in [changed, whole[..whole.len() - 1].to_vec(), [whole.as_slice(), b"x"].concat()] {
                std::fs::write(&file, tampered).unwrap();
                assert!(!accepts(), "{} was tampered with and is accepted", file.display());
                tried += 1;
            }
            std::fs::write(&file, whole).unwrap();
        }
        assert!(accepts(), "the log as it stood is refused");
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

#[test]
fn ours() {
    let published = Published::new(600);
    println!("our own verifier refused {} tampered files", published.try_on(|| published.accepted_by_us()));
}

#[test]
fn python_from_the_specifications() {
    if !is_there("python3", "--version") {
        println!("left out: there is no python3 on this machine");
        return;
    }
    let published = Published::new(600);
    let script = readers().join("reader.py");
    let reader = ["python3", "-B", script.to_str().unwrap()];
    println!("Python refused {} tampered files", published.try_on(|| published.accepted_by(&reader)));
}

#[test]
fn gos_checksum_database() {
    if !is_there("go", "version") {
        println!("left out: there is no go on this machine");
        return;
    }
    let published = Published::new(600);
    let reader = published.dir.path().join("reader");
    let built = Command::new("go")
        .args(["build", "-o", reader.to_str().unwrap(), "."])
        .current_dir(readers().join("go"))
        .output()
        .unwrap();
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(said.contains("dial tcp") || said.contains("lookup"), "the reader does not build: {said}");
        println!("left out: golang.org/x/mod cannot be fetched: {said}");
        return;
    }
    let reader = [reader.to_str().unwrap()];
    println!("Go refused {} tampered files", published.try_on(|| published.accepted_by(&reader)));
}
