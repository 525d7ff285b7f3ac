//! The ledger as an auditor sees it: through `portcullis ledger` and the ledger's public key, and nothing else.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{CommandOutput, portcullis};
use crate::condition::until;
use crate::programs::repository;
use crate::server::Home;

/// An auditor of one ledger. Its copy of the key lies outside the ledger.
#[derive(Clone, Debug)]
pub struct LedgerAuditor {
    folder: PathBuf,
    key: PathBuf,
}

/// The result of `portcullis ledger verify --json`.
#[derive(Clone, Debug)]
pub struct Audit {
    /// 0: it holds. 1: it does not. 2: it could not be read.
    pub status: i32,
    /// The findings, or null where it could not be read.
    pub findings: Value,
    /// Standard error.
    pub err: String,
}

impl Audit {
    /// Asserts that what was verified holds. Returns the findings.
    ///
    /// # Panics
    /// When it does not hold.
    #[expect(clippy::must_use_candidate, reason = "most callers only assert")]
    pub fn expect_holds(self) -> Value {
        assert_eq!((self.status, &self.findings["holds"]), (0, &true.into()), "{self:?}");
        self.findings
    }

    /// Asserts that what was verified does not hold, and that one fault contains this text.
    ///
    /// # Panics
    /// When it holds, or has other faults only.
    pub fn expect_fault(&self, text: &str) {
        assert_eq!((self.status, &self.findings["holds"]), (1, &false.into()), "{self:?}");
        let faults = self.findings["faults"].as_array().expect("a list of faults");
        let part = |fault: &Value, name: &str| fault[name].as_str().expect("a text").to_owned();
        let texts: Vec<String> =
            faults.iter().map(|fault| format!("{}: {}", part(fault, "place"), part(fault, "what"))).collect();
        assert!(texts.iter().any(|fault| fault.contains(text)), "no fault contains {text:?}: {texts:?}");
    }

    /// Asserts that nothing could be verified, and that the message contains this text.
    ///
    /// # Panics
    /// When something could be verified, or the message is another one.
    pub fn expect_unreadable(&self, text: &str) {
        assert!(self.status == 2 && self.err.contains(text), "{text:?}: {self:?}");
    }
}

impl LedgerAuditor {
    /// Copies the ledger's key, as it is now, into `directory`.
    ///
    /// # Panics
    /// When there is no ledger.
    #[must_use]
    pub fn new(home: &Home, directory: &Path) -> LedgerAuditor {
        LedgerAuditor::of_ledger_at(&home.file("ledger"), home, directory)
    }

    /// The same for a ledger that a server keeps elsewhere, with the key of this home directory.
    ///
    /// # Panics
    /// When the home directory has no key of a ledger.
    #[must_use]
    pub fn of_ledger_at(folder: &Path, home: &Home, directory: &Path) -> LedgerAuditor {
        let key = directory.join("auditor.vkey");
        fs::copy(home.file("ledger/log.vkey"), &key).expect("`init` wrote the ledger's key");
        LedgerAuditor { folder: folder.to_owned(), key }
    }

    /// The ledger's directory.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// The auditor's copy of the key.
    #[must_use]
    pub fn key(&self) -> &Path {
        &self.key
    }

    /// Runs `portcullis ledger VERB PLACE --vkey KEY …`. The place is a path or a URL.
    ///
    /// # Panics
    /// When the place is not text.
    #[must_use]
    pub fn run(&self, verb: &str, place: impl AsRef<Path>, further: &[&str]) -> CommandOutput {
        let [place, key] =
            [place.as_ref(), &self.key].map(|path| path.to_str().expect("paths of tests are text"));
        portcullis(&[&["ledger", verb, place, "--vkey", key], further].concat())
    }

    /// Verifies this place.
    ///
    /// # Panics
    /// When the findings are not JSON although the place could be read.
    #[must_use]
    pub fn audit(&self, place: impl AsRef<Path>, further: &[&str]) -> Audit {
        let CommandOutput { status, out, err } = self.run("verify", place, &[further, &["--json"]].concat());
        let findings = if status == 2 { Value::Null } else { serde_json::from_str(&out).expect(&out) };
        Audit { status, findings, err }
    }

    /// Every published entry, with its index.
    ///
    /// # Panics
    /// When the ledger cannot be read.
    #[must_use]
    pub fn entries(&self) -> Vec<Value> {
        let exported = self.run("export", self.folder(), &[]);
        assert_eq!(exported.status, 0, "export: {}", exported.err);
        exported.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
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

    /// The ids of all allowed decisions.
    ///
    /// # Panics
    /// When a decision has no id.
    #[must_use]
    pub fn allowed(&self) -> BTreeSet<String> {
        let allowed = self.decisions().into_iter().filter(|decision| decision["outcome"] == "allowed");
        allowed.map(|decision| decision["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Waits until at least this many decisions are published.
    pub async fn wait_for_decisions(&self, count: usize) -> Vec<Value> {
        until("decisions to be published", async || {
            Some(self.decisions()).filter(|decisions| decisions.len() >= count)
        })
        .await
    }
}

/// A reader of the ledger in Python. It shares no code with the server.
#[must_use]
pub fn python_reader() -> PathBuf {
    repository().join("ledger/tests/readers/reader.py")
}

/// Copies a directory with all that is in it.
///
/// # Panics
/// When that fails.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("a directory can be read") {
        let entry = entry.expect("an entry can be read");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            fs::copy(&source, &target).expect("a file can be copied");
        }
    }
}

/// Every file below a directory.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn files(below: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(below).expect("a directory can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}
