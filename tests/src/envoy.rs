//! A running Envoy, its ports learnt from Envoy itself.

use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::child::Running;
use crate::client::get;
use crate::condition::until;
use crate::programs;
use crate::shipped::Configuration;

/// Envoy, live, with its listeners warm.
#[derive(Debug)]
pub struct Envoy {
    pub program: Running,
    admin: SocketAddr,
    listener: SocketAddr,
}

impl Envoy {
    /// Starts it and waits until it serves.
    ///
    /// # Panics
    /// When it refuses the configuration.
    pub async fn start(configuration: &Configuration, directory: &Path) -> Envoy {
        let told = directory.join("envoy.admin");
        let mut command = Command::new(programs::envoy());
        command
            .arg("--config-path")
            .arg(configuration.write(directory))
            .arg("--admin-address-path")
            .arg(&told)
            // Hot restart shares memory between the Envoys of one machine; these have nothing to do with each other.
            .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]);
        let mut program = Running::start("envoy", command);
        let admin = until("Envoy to serve", async || {
            if let Some(status) = program.ended() {
                panic!("Envoy ended ({status}):\n{}", program.log());
            }
            let admin: SocketAddr = std::fs::read_to_string(&told).ok()?.trim().parse().ok()?;
            get(admin, "/ready").await.filter(|answer| answer.status == 200).map(|_| admin)
        })
        .await;
        let listener = until("Envoy to tell its listener", async || listener(admin).await).await;
        Envoy { program, admin, listener }
    }

    /// Where requests go.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener
    }

    /// Envoy's administration.
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

/// `envoy --mode validate`: what it said when it refused.
///
/// # Errors
/// Envoy's own words.
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
