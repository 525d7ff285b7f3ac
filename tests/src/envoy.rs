//! A running Envoy. It chooses free ports, and says which.

use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::client::get;
use crate::condition::until;
use crate::preloaded_faults::PreloadedFaults;
use crate::process::Process;
use crate::programs;
use crate::shipped::Configuration;

/// A running Envoy whose listeners are ready.
#[derive(Debug)]
pub struct Envoy {
    pub process: Process,
    workers: u64,
    admin: SocketAddr,
    listener: SocketAddr,
}

impl Envoy {
    /// Starts Envoy and waits until it is ready.
    ///
    /// # Panics
    /// When Envoy refuses the configuration.
    pub async fn start(configuration: &Configuration, directory: &Path) -> Envoy {
        Envoy::start_with_workers(1, configuration, directory).await
    }

    /// The same with so many worker threads.
    ///
    /// # Panics
    /// When Envoy refuses the configuration.
    pub async fn start_with_workers(workers: u64, configuration: &Configuration, directory: &Path) -> Envoy {
        Envoy::run(Command::new(programs::envoy()), workers, configuration, directory).await
    }

    /// The same on a machine that gets these faults.
    ///
    /// # Panics
    /// When Envoy refuses the configuration.
    pub async fn start_with_faults(
        faults: &PreloadedFaults,
        workers: u64,
        configuration: &Configuration,
        directory: &Path,
    ) -> Envoy {
        let mut command = Command::new(programs::envoy());
        faults.use_in(&mut command);
        Envoy::run(command, workers, configuration, directory).await
    }

    async fn run(
        mut command: Command,
        workers: u64,
        configuration: &Configuration,
        directory: &Path,
    ) -> Envoy {
        let admin_file = directory.join("envoy.admin");
        command
            .arg("--config-path")
            .arg(configuration.write(directory))
            .arg("--admin-address-path")
            .arg(&admin_file)
            // Hot restart shares memory between the Envoys of one machine; these are independent of each other.
            .args(["--disable-hot-restart", "--log-level", "warning"])
            .args(["--concurrency", &workers.to_string()]);
        let mut process = Process::start("envoy", command);
        let admin = until("Envoy to be ready", async || {
            process.assert_runs();
            let admin: SocketAddr = std::fs::read_to_string(&admin_file).ok()?.trim().parse().ok()?;
            get(admin, "/ready").await.filter(|answer| answer.status == 200).map(|_| admin)
        })
        .await;
        let listener = until("Envoy to report its listener", async || listener(admin).await).await;
        Envoy { process, workers, admin, listener }
    }

    /// The address that clients send requests to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener
    }

    /// Waits until all filters of ours hold a current governance statement: each position has one in each thread, and one in the
    /// main thread.
    ///
    /// # Panics
    /// When they do not in time.
    pub async fn until_governed(&self) {
        let positions = self.positions().await;
        until("the filters to hold a current statement", async || {
            for position in &positions {
                let current = self.stat(&format!("wasmcustom.portcullis_{position}_became_current")).await;
                current.filter(|count| *count > self.workers)?;
            }
            Some(())
        })
        .await;
    }

    /// The positions of our filters that this Envoy has.
    async fn positions(&self) -> Vec<&'static str> {
        let dump = get(self.admin, "/config_dump").await.map(|answer| answer.text());
        let text = dump.unwrap_or_default();
        ["gate", "seal"].into_iter().filter(|one| text.contains(&format!("\"portcullis.{one}\""))).collect()
    }

    /// One of Envoy's statistics.
    pub async fn stat(&self, name: &str) -> Option<u64> {
        let text = get(self.admin, &format!("/stats?filter=^{name}$")).await?.text();
        text.trim().rsplit_once(": ")?.1.parse().ok()
    }

    /// Waits until one of Envoy's statistics has this value. The filters tell theirs at each tick.
    pub async fn until_stat(&self, name: &str, value: u64) {
        until(&format!("{name}: {value}"), async || (self.stat(name).await == Some(value)).then_some(()))
            .await;
    }

    /// The address of Envoy's administration.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }
}

async fn listener(admin: SocketAddr) -> Option<SocketAddr> {
    let listeners: Value = serde_json::from_slice(&get(admin, "/listeners?format=json").await?.body).ok()?;
    let address = listeners.pointer("/listener_statuses/0/local_address/socket_address")?;
    format!("{}:{}", address["address"].as_str()?, address["port_value"]).parse().ok()
}

/// Runs `envoy --mode validate`.
///
/// # Errors
/// What Envoy printed when it refused the configuration.
///
/// # Panics
/// When Envoy cannot be run.
pub fn validate(file: &Path) -> Result<(), String> {
    let output = Command::new(programs::envoy())
        .args(["--mode", "validate", "--disable-hot-restart", "--log-level", "warning", "--config-path"])
        .arg(file)
        .output()
        .expect("Envoy can be run");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
