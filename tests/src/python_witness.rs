//! A witness in Python that shares no code with the server (`python_witness.py`). It remembers the last checkpoint, checks
//! proofs and signatures by itself, and prints each request with its answer.

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::condition::until;
use crate::process::Process;
use crate::programs::{python3, repository};
use crate::server::Home;

/// The name of the witness and of its key.
pub const NAME: &str = "witness.example/w1";

/// A running witness of one ledger.
#[derive(Debug)]
pub struct PythonWitness {
    pub process: Process,
    url: String,
    key: String,
    state: PathBuf,
    key_file: PathBuf,
}

impl PythonWitness {
    /// Starts a witness that has this ledger's key and has seen no checkpoint yet.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub async fn start(home: &Home, directory: &Path) -> PythonWitness {
        let state = directory.join("witness.json");
        let mut command = Command::new(python3());
        command.arg("-B").arg(repository().join("tests/src/python_witness.py")).arg(NAME).arg(&state);
        command.arg(home.file("ledger/log.vkey"));
        let mut process = Process::start("witness", command);
        let after = |word: &'static str| move |line: &str| Some(line.strip_prefix(word)?.trim().to_owned());
        let port = process.find_in_log("its port", after("listening")).await;
        let key = process.find_in_log("its key", after("key")).await;
        let key_file = directory.join("witness.vkey");
        fs::write(&key_file, format!("{key}\n")).expect("a test's directory can be written");
        let url = format!("http://127.0.0.1:{port}/w/");
        PythonWitness { process, url, key, state, key_file }
    }

    /// Adds this witness to the server's configuration.
    pub fn add_to(&self, home: &Home) {
        let witnesses = json!([{"url": self.url, "key": self.key}]);
        home.configure(|configuration| configuration["ledger"]["witnesses"] = witnesses);
    }

    /// The file for `portcullis ledger verify --witness`.
    #[must_use]
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// The size of the log that the witness remembers, or 0.
    ///
    /// # Panics
    /// When its state is not JSON.
    #[must_use]
    pub fn size(&self) -> u64 {
        let Ok(text) = fs::read(&self.state) else { return 0 };
        let state: Value = serde_json::from_slice(&text).expect("the witness writes JSON");
        state["size"].as_u64().expect("a size")
    }

    /// Makes the witness remember a log of this size, which it has never seen.
    ///
    /// # Panics
    /// When its state cannot be written.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub fn set_size(&self, size: u64) {
        let state = json!({"size": size, "root": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="});
        fs::write(&self.state, state.to_string()).expect("a test's directory can be written");
    }

    /// Makes the witness forget the log.
    ///
    /// # Panics
    /// When it has no state.
    pub fn forget(&self) {
        fs::remove_file(&self.state).expect("the witness has a state");
    }

    /// All requests and answers so far, like `old 0 size 1 -> 200`.
    #[must_use]
    pub fn answers(&self) -> Vec<String> {
        self.process.log().lines().filter(|line| line.starts_with("old ")).map(str::to_owned).collect()
    }

    /// Waits until there are `count` answers after the first `before` ones, and returns them.
    pub async fn wait_for_answers(&self, before: usize, count: usize) -> Vec<String> {
        until(&format!("{count} answers of the witness"), async || {
            let since = self.answers().get(before..).map(<[String]>::to_vec);
            since.filter(|since| since.len() >= count)
        })
        .await
    }
}
