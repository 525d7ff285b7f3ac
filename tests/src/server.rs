//! The server under test as its users run it: a home directory made by `portcullis init`, and `portcullis serve`.

use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::client::get;
use crate::command::run;
use crate::condition::{LONGEST_WAIT, until, until_within};
use crate::preloaded_faults::PreloadedFaults;
use crate::process::Process;
use crate::programs;

/// A home directory made by `portcullis init`, and the program that made it.
#[derive(Clone, Debug)]
pub struct Home {
    folder: PathBuf,
    program: PathBuf,
}

impl Home {
    /// Runs `portcullis init` with these further arguments.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn init(directory: &Path, arguments: &[String]) -> Home {
        Home::init_by(&programs::portcullis(), directory, arguments)
    }

    /// The same by the program of another build.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn init_by(program: &Path, directory: &Path, arguments: &[String]) -> Home {
        let home = Home { folder: directory.join("home"), program: program.to_owned() };
        let (socket, module) = (home.socket(), programs::module());
        let socket = format!("unix:{}", text(&socket));
        let mut words = vec!["--module", text(&module), "--proxies", &socket, "--health", "127.0.0.1:0"];
        words.extend(arguments.iter().map(String::as_str));
        home.make(&words);
        home
    }

    /// Runs `portcullis init --kubernetes` with these further arguments.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn init_for_cluster(directory: &Path, arguments: &[&str]) -> Home {
        let home = Home { folder: directory.join("home"), program: programs::portcullis() };
        home.make(&[&["--kubernetes"], arguments].concat());
        home
    }

    fn make(&self, arguments: &[&str]) {
        let output = run(&self.program, &[&["init", text(&self.folder)], arguments].concat());
        assert_eq!(output.status, 0, "portcullis init {arguments:?}: {}", output.err);
    }

    /// A home directory that already exists.
    #[must_use]
    pub fn at(directory: &Path) -> Home {
        Home { folder: directory.to_owned(), program: programs::portcullis() }
    }

    /// The home directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.folder
    }

    /// A file in the home directory.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Changes the configuration as data, and writes it back as JSON. JSON is also YAML.
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

    /// The socket for proxies.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.file("proxies.sock")
    }

    /// The socket of the API.
    #[must_use]
    pub fn api(&self) -> PathBuf {
        self.file("api.sock")
    }

    /// Runs `portcullis serve` and waits for its end, for configurations that must not start.
    ///
    /// # Panics
    /// When the binary cannot be run, or does not end.
    pub async fn fail_to_start(&self) -> FailedStart {
        let mut process = Process::start("portcullis", self.serve());
        let status = process.wait().await;
        FailedStart { status: status.code().unwrap_or(-1), log: process.log() }
    }

    fn serve(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["serve", "--log-format", "json", "--config"]).arg(self.file("portcullis.yaml"));
        command
    }

    /// The same, after the shell has changed something that the server inherits.
    fn serve_after(&self, change: &str) -> Command {
        let serve = self.serve();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{change}; exec \"$@\""), "sh"]);
        command.arg(serve.get_program()).args(serve.get_args());
        command
    }
}

/// The end of a server that did not start.
#[derive(Debug)]
pub struct FailedStart {
    pub status: i32,
    pub log: String,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    pub process: Process,
    health: SocketAddr,
    proxies: String,
    api: String,
    /// The time from the start of the process to its readiness.
    pub took: Duration,
}

impl Server {
    /// Starts the server and waits until it is ready.
    pub async fn start(home: &Home) -> Server {
        Server::run(home.serve()).await
    }

    /// The same for a start that takes its time by design.
    pub async fn start_within(home: &Home, limit: Duration) -> Server {
        Server::run_unready(home.serve()).await.ready_within(limit).await
    }

    /// The same, and does not wait until the server is ready.
    pub async fn start_unready(home: &Home) -> Server {
        Server::run_unready(home.serve()).await
    }

    /// The same, with `--restored`.
    pub async fn start_restored(home: &Home) -> Server {
        let mut command = home.serve();
        command.arg("--restored");
        Server::run(command).await
    }

    /// The same, with `--restored-log`.
    pub async fn start_restored_log(home: &Home, log: &str) -> Server {
        let mut command = home.serve();
        command.args(["--restored-log", log]);
        Server::run(command).await
    }

    /// The same, prepared for [`Server::fill_disk`]: a write beyond the limit fails with an error, as on a full disk.
    /// Without this preparation the kernel would end the process.
    pub async fn start_for_full_disks(home: &Home) -> Server {
        Server::run(home.serve_after("trap '' XFSZ")).await
    }

    /// The same on a machine whose list of trusted roots is this file.
    pub async fn start_trusting(home: &Home, roots: &Path) -> Server {
        let mut command = home.serve();
        command.env("SSL_CERT_FILE", roots);
        Server::run(command).await
    }

    /// The same with a soft limit of 512 open files.
    pub async fn start_with_few_files(home: &Home) -> Server {
        Server::run(home.serve_after("ulimit -Sn 512")).await
    }

    /// The same on a machine that gets these faults. It is prepared for [`Server::fill_disk`] too.
    pub async fn start_with_faults(home: &Home, faults: &PreloadedFaults) -> Server {
        let mut command = home.serve_after("trap '' XFSZ");
        faults.use_in(&mut command);
        Server::run(command).await
    }

    /// The same, and does not wait until the server is ready.
    pub async fn start_unready_with_faults(home: &Home, faults: &PreloadedFaults) -> Server {
        let mut command = home.serve();
        faults.use_in(&mut command);
        Server::run_unready(command).await
    }

    /// Runs this command, which must log as JSON, and waits until the server is ready.
    pub async fn run(command: Command) -> Server {
        Server::run_unready(command).await.ready_within(LONGEST_WAIT).await
    }

    async fn ready_within(mut self, limit: Duration) -> Server {
        let (from, listens) = (Instant::now(), self.took);
        let (process, health) = (&mut self.process, self.health);
        until_within(limit, "the server to be ready", async || {
            process.assert_runs();
            get(health, "/readyz").await.filter(|response| response.status == 200)
        })
        .await;
        Server { took: listens + from.elapsed(), ..self }
    }

    /// Runs this command, which must log as JSON, and waits until it listens.
    async fn run_unready(command: Command) -> Server {
        let from = Instant::now();
        let mut process = Process::start("portcullis", command);
        // The log says which port is used, because the configuration leaves it open.
        let [health, proxies, api] = process.find_in_log("its addresses", addresses).await;
        let health = health.parse().expect("an address");
        Server { process, health, proxies, api, took: from.elapsed() }
    }

    /// The address of health and metrics.
    #[must_use]
    pub fn health(&self) -> SocketAddr {
        self.health
    }

    /// The TCP address for proxies.
    ///
    /// # Panics
    /// When they use a Unix socket.
    #[must_use]
    pub fn proxies(&self) -> SocketAddr {
        self.proxies.parse().expect("this server has a TCP address for proxies")
    }

    /// The TCP address of the API.
    ///
    /// # Panics
    /// When it is on a Unix socket.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        self.api.parse().expect("this server has a TCP address for its API")
    }

    /// What `/readyz` says about the bundle: that it is in force, or why not, and what is wrong with the offered one.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn bundle_state(&self) -> String {
        let (Ok(state) | Err(state)) = self.readiness_of("bundle").await;
        state
    }

    /// The remark of `/readyz` about one part of the server; empty if it has none.
    ///
    /// # Errors
    /// Why the part is not ready.
    ///
    /// # Panics
    /// When the server does not answer, or has no such part.
    pub async fn readiness_of(&self, name: &str) -> Result<String, String> {
        let response = get(self.health, "/readyz").await.expect("a running server answers");
        let detail: Value = serde_json::from_slice(&response.body).expect("the detail is JSON");
        let parts = detail["parts"].as_array().expect("a list of parts");
        let part = parts.iter().find(|part| part["name"] == name).expect("the server has this part");
        assert!(part["ready"] == true || (response.status, &detail["ready"]) == (503, &Value::Bool(false)));
        match (part["remark"].as_str(), part["why_not"].as_str()) {
            (Some(remark), None) => Ok(remark.to_owned()),
            (None, Some(why_not)) => Err(why_not.to_owned()),
            (None, None) if part["ready"] == true => Ok(String::new()),
            _ => panic!("a part that is not ready says why, and a ready part has at most a remark: {part}"),
        }
    }

    /// Waits until [`Server::bundle_state`] contains `text`.
    pub async fn wait_for_bundle_state(&self, text: &str) -> String {
        until(&format!("the bundle's state to say `{text}`"), async || {
            let state = self.bundle_state().await;
            state.contains(text).then_some(state)
        })
        .await
    }

    /// From now on the kernel refuses every write to a file.
    ///
    /// # Panics
    /// When the process has ended.
    pub fn fill_disk(&self) {
        self.limit_files(Some(0));
    }

    /// Ends what [`Server::fill_disk`] began.
    ///
    /// # Panics
    /// When the process has ended.
    pub fn free_disk(&self) {
        self.limit_files(None);
    }

    fn limit_files(&self, current: Option<u64>) {
        prlimit(Some(self.process.pid()), Resource::Fsize, Rlimit { current, maximum: None })
            .expect("the limits of a child can be set");
    }
}

/// The addresses in the server's log line `listening`: for health, for proxies, and for the API.
fn addresses(line: &str) -> Option<[String; 3]> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = Some(&line["fields"]).filter(|fields| fields["message"] == "listening")?;
    let [health, proxies, api] = ["health", "proxies", "api"].map(|name| fields[name].as_str());
    Some([health?.to_owned(), proxies?.to_owned(), api?.to_owned()])
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}
