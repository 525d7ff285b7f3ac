//! What is on record, as an auditor sees it: through `portcullis ledger`, while the server runs or after it ended.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::condition::until;
use crate::court::{Home, portcullis};
use crate::programs::repository;

/// A house's ledger, and its key, kept where the log cannot reach it.
#[derive(Clone, Debug)]
pub struct Record {
    home: Home,
    key: PathBuf,
}

impl Record {
    /// Takes the key as it is now into this directory.
    ///
    /// # Panics
    /// When there is no ledger.
    #[must_use]
    pub fn of(home: &Home, keep: &Path) -> Record {
        let key = keep.join("auditor.vkey");
        fs::copy(home.file("ledger/log.vkey"), &key).expect("`init` wrote the log's key");
        Record { home: home.clone(), key }
    }

    /// The ledger's folder.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.home.file("ledger")
    }

    /// The auditor's key.
    #[must_use]
    pub fn key(&self) -> &Path {
        &self.key
    }

    /// `portcullis ledger VERB PLACE --vkey KEY …`.
    #[must_use]
    pub fn ask(&self, verb: &str, place: &str, further: &[&str]) -> Output {
        let key = self.key.to_str().expect("paths of tests are text");
        portcullis(&[&["ledger", verb, place, "--vkey", key], further].concat())
    }

    /// The status and the findings of an audit of this place.
    ///
    /// # Panics
    /// When what is said is no JSON although the place could be read.
    #[must_use]
    pub fn audit(&self, place: &Path, further: &[&str]) -> (i32, Value) {
        let place = place.to_str().expect("paths of tests are text");
        let output = self.ask("verify", place, &[further, &["--json"]].concat());
        let status = output.status.code().unwrap_or(-1);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let findings = if status == 2 { Value::Null } else { serde_json::from_str(&said).expect(&said) };
        (status, findings)
    }

    /// Every published entry, with its index.
    ///
    /// # Panics
    /// When the ledger cannot be read.
    #[must_use]
    pub fn entries(&self) -> Vec<Value> {
        self.entries_with(&[])
    }

    /// The same, for a reader with these further arguments.
    ///
    /// # Panics
    /// When the ledger cannot be read.
    #[must_use]
    pub fn entries_with(&self, further: &[String]) -> Vec<Value> {
        let folder = self.folder();
        let further: Vec<&str> = further.iter().map(String::as_str).collect();
        let output = self.ask("export", folder.to_str().expect("paths of tests are text"), &further);
        assert!(output.status.success(), "export: {}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).expect("entries are text");
        lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Every published decision.
    #[must_use]
    pub fn decisions(&self) -> Vec<Value> {
        self.of_kind("decision/1")
    }

    /// Every published entry of a kind.
    #[must_use]
    pub fn of_kind(&self, kind: &str) -> Vec<Value> {
        let entries = self.entries().into_iter().map(|mut line| line["entry"].take());
        entries.filter(|entry| entry["kind"] == kind).collect()
    }

    /// The ids of all that were let through.
    ///
    /// # Panics
    /// When a decision has no id.
    #[must_use]
    pub fn allowed(&self) -> BTreeSet<String> {
        let allowed = self.decisions().into_iter().filter(|decision| decision["outcome"] == "allowed");
        allowed.map(|decision| decision["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Waits until so many decisions are published.
    pub async fn has_decisions(&self, count: usize) -> Vec<Value> {
        until("decisions to be published", async || {
            Some(self.decisions()).filter(|decisions| decisions.len() >= count)
        })
        .await
    }
}

/// The reader in another language that shares no code with us.
#[must_use]
pub fn python_reader() -> PathBuf {
    repository().join("ledger/tests/readers/reader.py")
}

/// Copies a folder with all that is in it.
///
/// # Panics
/// When it cannot.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("an entry can be read");
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if here.is_dir() {
            copy(&here, &there);
        } else {
            fs::copy(&here, &there).expect("a file can be copied");
        }
    }
}

/// Every file below a folder.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn files(below: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(below).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}
