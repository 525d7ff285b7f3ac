//! The server's configuration: one file, one typed value, every fault reported at once.
//!
//! There is no key here that skips a verification, and none may be added: local development gets real keys from
//! `portcullis init`. Relative paths are relative to the file.

mod address;
mod listen;
mod read;
mod witnesses;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::keys::{DigestKey, KeyRing, PrivateKey, Readers};
use policy::{Fault, TrustKeys};

pub use address::{ApiAddress, Listen, LocalAddress, ProxiesAddress, TlsAddress};
pub(crate) use listen::{address, certificate};
pub(crate) use read::ConfigReader;
pub use read::read;
pub use witnesses::Witness;

/// The configuration of `portcullis serve`: valid by construction, with the keys read and usable.
#[derive(Debug)]
pub struct Config {
    /// The name of this mesh: a bundle for another mesh is refused.
    pub audience: String,
    pub listen: Listen,
    pub bundle: BundleConfig,
    /// A bundle that judges the same requests as the bundle in force, and never comes into force.
    pub candidate: Option<BundlePlace>,
    pub ledger: LedgerConfig,
    /// The keys with which this server signs, and which can be replaced.
    pub keys: KeyRing,
    /// For how many seconds upstreams may keep the set of receipt keys.
    pub receipt_keys_kept: u64,
    /// `None` if this server issues no warrants.
    pub authority: Option<AuthorityConfig>,
    pub limits: DecisionLimits,
    /// Where this server runs: one value for each dimension. A dimension that is not listed is unknown, and a warrant
    /// that names it is denied.
    pub environment: BTreeMap<String, String>,
}

/// Where signed bundles come from, and who may sign them.
#[derive(Debug)]
pub struct BundleConfig {
    pub place: BundlePlace,
    pub trust: TrustKeys,
    /// A server that never had a bundle takes none of a lower version (`minVersion`).
    pub min_version: u64,
    /// With this key the server renews its own note, if the bundle lists the key.
    pub note_key: Option<PrivateKey>,
}

/// Where a signed bundle is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundlePlace {
    Directory(PathBuf),
    /// Read by HTTP or HTTPS: everything that is read from it is signed.
    Url(String),
}

impl fmt::Display for BundlePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BundlePlace::Directory(path) => path.display().fmt(f),
            BundlePlace::Url(url) => f.write_str(url),
        }
    }
}

#[derive(Debug)]
pub struct LedgerConfig {
    pub directory: PathBuf,
    pub key: PrivateKey,
    /// The key for digests of queries and bodies: the record can compare them, but a reader cannot guess them.
    pub digest_key: DigestKey,
    /// Who may read its entries over HTTP.
    pub readers: Readers,
    /// The file with the token of one of them.
    pub token_file: Option<PathBuf>,
    /// Who cosigns its checkpoints and remembers them on another machine.
    pub witnesses: Vec<Witness>,
}

/// The authority that this server is.
#[derive(Debug)]
pub struct AuthorityConfig {
    /// The `iss` of its roots.
    pub iss: String,
    /// The URL below which clients call it, without a path.
    pub url: String,
}

#[derive(Debug)]
pub struct DecisionLimits {
    /// The time for one decision; it must be shorter than the proxy's own timeout.
    pub deadline: Duration,
    /// Decisions at once; one more is denied as `overloaded`.
    pub decisions: u32,
    /// Denials for each second that are recorded one by one; more are only counted.
    pub denials: u32,
    /// How many of the newest entries can be asked about: an index over them is kept in memory.
    pub history: u64,
}

/// Reads the file at `path`.
pub fn load(path: &Path) -> Result<Config, Vec<Fault>> {
    let bytes = std::fs::read(path).map_err(|e| {
        let instead = "name the file that `portcullis init` wrote: --config DIR/portcullis.yaml".to_owned();
        vec![Fault {
            file: path.to_owned(),
            line: 0,
            column: 0,
            what: format!("cannot be read: {e}"),
            instead,
        }]
    })?;
    read(path, &bytes)
}
