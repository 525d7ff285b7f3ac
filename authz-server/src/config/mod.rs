//! The server's configuration: one file, one typed value, every fault reported at once.
//!
//! There is no key here that skips a verification, and none may be added: local development gets real keys from
//! `portcullis init`. Relative paths are relative to the file.

mod address;
mod read;
mod witnesses;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::keys::{DigestKey, PrivateKey, Readers};
use policy::{Fault, TrustKeys};

pub use address::LocalAddress;
pub use read::read;
pub use witnesses::Witness;

/// Everything that `portcullis serve` needs to be told, valid by construction; the keys are read and usable.
#[derive(Debug)]
pub struct Config {
    /// This mesh: a bundle for another is refused.
    pub audience: String,
    pub listen: Listen,
    pub bundle: BundleConfig,
    /// Judged beside the bundle in force, and never in force itself.
    pub candidate: Option<BundlePlace>,
    pub ledger: LedgerConfig,
    pub keys: SigningKeys,
    pub limits: DecisionLimits,
    /// Where this server runs: one value a dimension. What is not named here is unknown, and denies.
    pub environment: BTreeMap<String, String>,
}

#[derive(Debug)]
pub struct Listen {
    pub ext_authz: LocalAddress,
    pub http: LocalAddress,
}

/// Where signed bundles come from, and who may sign them.
#[derive(Debug)]
pub struct BundleConfig {
    pub place: BundlePlace,
    pub trust: TrustKeys,
    /// With it, where the bundle lists it, this server renews its own note.
    pub note_key: Option<PrivateKey>,
}

/// Where a signed bundle lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundlePlace {
    Directory(PathBuf),
    /// By HTTP or HTTPS: everything that is read from it is signed.
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
    /// For what the record must be able to compare, and nobody to guess: queries and bodies.
    pub digest_key: DigestKey,
    /// Who may read its entries over HTTP.
    pub readers: Readers,
    /// Who cosigns its checkpoints, and remembers them elsewhere.
    pub witnesses: Vec<Witness>,
}

/// The keys under which this server speaks.
#[derive(Debug)]
pub struct SigningKeys {
    pub statement: PrivateKey,
    pub receipt: PrivateKey,
}

#[derive(Debug)]
pub struct DecisionLimits {
    /// For one decision; shorter than the proxy's own timeout.
    pub deadline: Duration,
    /// At once; one more is `overloaded`.
    pub decisions: u32,
    /// A second, recorded one by one; what is beyond is counted.
    pub denials: u32,
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
