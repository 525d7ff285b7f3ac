//! Reads the compose file strictly. The types here are the part of the Compose specification that the demo uses. An unknown
//! or misspelt key is an error, and so is a value of another type.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

use crate::shipped::read;

/// A compose file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compose {
    pub name: String,
    pub services: BTreeMap<String, Service>,
    #[serde(default)]
    pub networks: BTreeMap<String, Network>,
    #[serde(default)]
    pub volumes: BTreeMap<String, Volume>,
}

/// One container.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub image: String,
    pub build: Option<Build>,
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub networks: Vec<String>,
    pub network_mode: Option<NetworkMode>,
    #[serde(default)]
    pub ports: Vec<String>,
    #[serde(default)]
    pub volumes: Vec<String>,
    #[serde(default)]
    pub depends_on: BTreeMap<String, Dependency>,
    pub healthcheck: Option<Healthcheck>,
    pub restart: Option<String>,
    pub stop_grace_period: Option<String>,
    #[serde(default)]
    pub read_only: bool,
    #[serde(default)]
    pub cap_drop: Vec<String>,
    #[serde(default)]
    pub security_opt: Vec<String>,
    #[serde(default)]
    pub init: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    pub context: String,
    pub target: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    pub condition: DependencyCondition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DependencyCondition {
    ServiceStarted,
    ServiceHealthy,
    ServiceCompletedSuccessfully,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Healthcheck {
    pub test: Vec<String>,
    pub interval: Option<String>,
    pub timeout: Option<String>,
    pub retries: Option<u32>,
    pub start_period: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    #[serde(default)]
    pub internal: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {}

impl Compose {
    /// Reads a file, and checks that its parts fit together.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(file: &Path) -> Result<Compose, String> {
        let mut data = read(file);
        let top = data.as_object_mut().ok_or("a compose file is a mapping")?;
        // Top-level keys that begin with `x-` are free for the author: anchors are there.
        top.retain(|key, _| !key.starts_with("x-"));
        let compose: Compose =
            serde_json::from_value(Value::Object(top.clone())).map_err(|why| why.to_string())?;
        compose.check_references()?;
        Ok(compose)
    }

    fn check_references(&self) -> Result<(), String> {
        for (name, service) in &self.services {
            for network in &service.networks {
                self.networks.get(network).ok_or(format!("{name}: no network is called {network}"))?;
            }
            for mount in service.mounts() {
                self.volumes
                    .get(mount.volume)
                    .ok_or(format!("{name}: no volume is called {}", mount.volume))?;
            }
            for (needed, dependency) in &service.depends_on {
                let other =
                    self.services.get(needed).ok_or(format!("{name}: no service is called {needed}"))?;
                if dependency.condition == DependencyCondition::ServiceHealthy && other.healthcheck.is_none()
                {
                    return Err(format!("{name} waits for the health of {needed}, which has no healthcheck"));
                }
            }
            if service.network_mode.is_some() && !(service.networks.is_empty() && service.ports.is_empty()) {
                return Err(format!("{name} has `network_mode: none`, and also networks or ports"));
            }
        }
        Ok(())
    }
}

/// A named volume and its path in a container.
#[derive(Clone, Copy, Debug)]
pub struct Mount<'a> {
    pub volume: &'a str,
    pub at: &'a str,
    pub read_only: bool,
}

impl Service {
    /// Its volumes, in the short form `volume:/path[:ro]`.
    pub fn mounts(&self) -> impl Iterator<Item = Mount<'_>> {
        self.volumes.iter().map(|written| {
            let mut parts = written.split(':');
            let (volume, at) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            Mount { volume, at, read_only: parts.next() == Some("ro") }
        })
    }

    /// Its ports, in the form `address:host:container`.
    pub fn published(&self) -> impl Iterator<Item = (&str, u16, u16)> {
        self.ports.iter().filter_map(|written| {
            let (front, container) = written.rsplit_once(':')?;
            let (address, host) = front.rsplit_once(':')?;
            Some((address, host.parse().ok()?, container.parse().ok()?))
        })
    }
}
