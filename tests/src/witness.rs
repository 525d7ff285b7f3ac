//! A witness that shares no code with us (`witness.py`): it holds what it was shown, checks proofs and signatures by itself,
//! and says what it was asked and how it answered.

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child::Running;
use crate::condition::until;
use crate::court::Home;
use crate::programs::repository;

/// Its name, which is that of its key.
pub const NAME: &str = "witness.example/w1";

/// A running witness of one house's log.
#[derive(Debug)]
pub struct Witness {
    pub program: Running,
    url: String,
    key: String,
    state: PathBuf,
    key_file: PathBuf,
}

impl Witness {
    /// Starts one that knows the key of this house's log and nothing of the log.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub async fn of(home: &Home, directory: &Path) -> Witness {
        let state = directory.join("witness.json");
        let mut command = Command::new("python3");
        command.arg("-B").arg(repository().join("tests/src/witness.py")).arg(NAME).arg(&state);
        command.arg(home.file("ledger/log.vkey"));
        let mut program = Running::start("witness", command);
        let told = async |word: &str| {
            until(&format!("the witness to say its {word}"), async || {
                assert!(program.ended().is_none(), "the witness ended:\n{}", program.log());
                program.log().lines().find_map(|line| Some(line.strip_prefix(word)?.trim().to_owned()))
            })
            .await
        };
        let mut told = told;
        let port = told("listening").await;
        let key = told("key").await;
        let key_file = directory.join("witness.vkey");
        fs::write(&key_file, format!("{key}\n")).expect("a test's directory can be written");
        let url = format!("http://127.0.0.1:{port}/w/");
        Witness { program, url, key, state, key_file }
    }

    /// The house asks it from now on.
    pub fn is_asked_by(&self, home: &Home) {
        let witnesses = json!([{"url": self.url, "key": self.key}]);
        home.configure(|configuration| configuration["ledger"]["witnesses"] = witnesses);
    }

    /// What `portcullis ledger verify --witness` takes.
    #[must_use]
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// How many entries it holds; 0 before it was shown any.
    ///
    /// # Panics
    /// When its state is no JSON.
    #[must_use]
    pub fn holds(&self) -> u64 {
        let Ok(text) = fs::read(&self.state) else { return 0 };
        let state: Value = serde_json::from_slice(&text).expect("the witness writes JSON");
        state["size"].as_u64().expect("a size")
    }

    /// It remembers a log of so many entries, which nobody has shown it.
    ///
    /// # Panics
    /// When its state cannot be written.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub fn believes_in(&self, size: u64) {
        let state = json!({"size": size, "root": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="});
        fs::write(&self.state, state.to_string()).expect("a test's directory can be written");
    }

    /// It has forgotten the log.
    ///
    /// # Panics
    /// When there was nothing to forget.
    pub fn forgets(&self) {
        fs::remove_file(&self.state).expect("it remembered something");
    }

    /// What it was asked, and how it answered, so far: `old 0 size 1 -> 200`.
    #[must_use]
    pub fn answers(&self) -> Vec<String> {
        self.program.log().lines().filter(|line| line.starts_with("old ")).map(str::to_owned).collect()
    }

    /// Waits until there are so many answers after the first `before` of them.
    pub async fn answers_since(&self, before: usize, count: usize) -> Vec<String> {
        until(&format!("{count} answers of the witness"), async || {
            let since = self.answers().get(before..).map(<[String]>::to_vec);
            since.filter(|since| since.len() >= count)
        })
        .await
    }
}
