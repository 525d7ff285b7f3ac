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
