//! The server under test, as its users run it: the house that `portcullis init` builds, and `portcullis serve` in it.

use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::child::Running;
use crate::client::get;
use crate::condition::until;
use crate::programs;

/// A directory made by `portcullis init`.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// Runs `portcullis init` with these further arguments.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn init(directory: &Path, arguments: &[String]) -> Home {
        let home = Home(directory.join("home"));
        let mut command = Command::new(programs::portcullis());
        command.arg("init").arg(&home.0).arg("--module").arg(programs::module()).arg("--ext-authz");
        command
            .arg(format!("unix:{}", home.socket().display()))
            .args(["--http", "127.0.0.1:0"])
            .args(arguments);
        let output = command.output().expect("portcullis can be run");
        assert!(output.status.success(), "portcullis init: {}", String::from_utf8_lossy(&output.stderr));
        home
    }

    /// One that is already there.
    #[must_use]
    pub fn at(directory: &Path) -> Home {
        Home(directory.to_owned())
    }

    /// A file of it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Changes the configuration as data. What is written back is JSON, which is YAML too.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub fn configure(&self, change: impl FnOnce(&mut Value)) {
        let file = self.file("portcullis.yaml");
        let mut configuration = crate::shipped::read(&file);
        change(&mut configuration);
        let written = std::fs::write(&file, serde_json::to_vec_pretty(&configuration).expect("JSON"));
        written.unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    }

    /// Where ext_authz is served.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.file("ext_authz.sock")
    }

    /// Runs `portcullis serve` to its end, for configurations that must not start.
    ///
    /// # Panics
    /// When the binary cannot be run.
    pub async fn serve_in_vain(&self) -> Refusal {
        let mut running = Running::start("portcullis", self.serve());
        let status = running.end().await;
        Refusal { status: status.code().unwrap_or(-1), said: running.log() }
    }

    fn serve(&self) -> Command {
        let mut command = Command::new(programs::portcullis());
        command.args(["serve", "--log-format", "json", "--config"]).arg(self.file("portcullis.yaml"));
        command
    }
}

/// How a server declined to start.
#[derive(Debug)]
pub struct Refusal {
    pub status: i32,
    pub said: String,
}

/// A running server.
#[derive(Debug)]
pub struct Court {
    pub program: Running,
    http: SocketAddr,
    /// From the start of the process to its readiness.
    pub took: Duration,
}

impl Court {
    /// Starts it and waits until it is ready.
    pub async fn start(home: &Home) -> Court {
        Court::running(home.serve()).await
    }

    /// The same, with `--restored`.
    pub async fn start_restored(home: &Home) -> Court {
        let mut command = home.serve();
        command.arg("--restored");
        Court::running(command).await
    }

    /// The same, but a write beyond the permitted size of files is an error to it and not its end, as on a full disk.
    pub async fn start_for_full_disks(home: &Home) -> Court {
        let serve = home.serve();
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(serve.get_program())
            .args(serve.get_args());
        Court::running(command).await
    }

    async fn running(command: Command) -> Court {
        let from = Instant::now();
        let mut program = Running::start("portcullis", command);
        let http = until("the server to be ready", async || {
            if let Some(status) = program.ended() {
                panic!("the server ended ({status}):\n{}", program.log());
            }
            let http = listening(&program.log())?;
            get(http, "/readyz").await.filter(|answer| answer.status == 200).map(|_| http)
        })
        .await;
        Court { program, http, took: from.elapsed() }
    }

    /// Health and metrics.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// What `/readyz` says of its bundle: that it is in force, or why not; and what is wrong with what is offered.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn bundle(&self) -> String {
        let (Ok(said) | Err(said)) = self.part("bundle").await;
        said
    }

    /// What `/readyz` remarks of a part of it, or why that part is not ready.
    ///
    /// # Errors
    /// When the part is not ready.
    ///
    /// # Panics
    /// When the server does not answer, or has no such part.
    pub async fn part(&self, name: &str) -> Result<String, String> {
        let answer = get(self.http, "/readyz").await.expect("a running server answers");
        let detail: Value = serde_json::from_slice(&answer.body).expect("the detail is JSON");
        let parts = detail["parts"].as_array().expect("parts");
        let part = parts.iter().find(|part| part["name"] == name).expect("it is a part");
        assert!(part["ready"] == true || (answer.status, &detail["ready"]) == (503, &Value::Bool(false)));
        match (part["remark"].as_str(), part["why_not"].as_str()) {
            (Some(remark), None) => Ok(remark.to_owned()),
            (None, Some(why_not)) => Err(why_not.to_owned()),
            _ => panic!("a remark, or why not: {part}"),
        }
    }

    /// Waits until that says `text`.
    pub async fn bundle_says(&self, text: &str) -> String {
        until(&format!("the bundle's state to say `{text}`"), async || {
            let said = self.bundle().await;
            said.contains(text).then_some(said)
        })
        .await
    }

    /// From now on the kernel refuses it every write to a file.
    ///
    /// # Panics
    /// When the program is no more.
    pub fn disk_full(&self) {
        self.limit_files(Some(0));
    }

    /// And now no longer.
    ///
    /// # Panics
    /// When the program is no more.
    pub fn disk_has_room(&self) {
        self.limit_files(None);
    }

    fn limit_files(&self, current: Option<u64>) {
        prlimit(Some(self.program.pid()), Resource::Fsize, Rlimit { current, maximum: None })
            .expect("the limits of a child can be set");
    }
}

/// The address in the server's log line `listening`.
///
/// This is how a caller learns a port that was left open.
#[must_use]
pub fn listening(log: &str) -> Option<SocketAddr> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["fields"]["message"] == "listening")
        .find_map(|line| line["fields"]["http"].as_str()?.parse().ok())
}

/// Runs the command line tool.
///
/// # Panics
/// When the binary cannot be run.
#[must_use]
pub fn portcullis(arguments: &[&str]) -> Output {
    Command::new(programs::portcullis()).args(arguments).output().expect("portcullis can be run")
}
