//! The directory of signed bundles and who may sign them: from the configuration of a home directory, or, on
//! a machine without one, from the command line.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use warrant::AwsLcVerifier;

use crate::bundles::directory;
use crate::cli::init::home;
use crate::cli::out::Failure;
use crate::clock::Clock;
use crate::config::{self, BundlePlace};
use crate::keys::{self, PrivateKey};
use policy::{Base, Bundle, Expected, TrustKeys};

#[derive(Debug, ClapArgs)]
pub(super) struct BundleDirectoryArgs {
    /// The directory of signed bundles, on a machine without a home directory [default: the one in HOME's
    /// configuration]
    #[arg(long, requires = "trust")]
    bundle: Option<PathBuf>,
    /// A JSON file `{threshold, keys}`: who may sign bundles, on a machine without a home directory
    #[arg(long, requires = "bundle")]
    trust: Option<PathBuf>,
}

#[derive(Debug)]
pub(super) struct BundleDirectory {
    pub(super) path: PathBuf,
    pub(super) trust: TrustKeys,
    /// The mesh of the home directory; without one, the documents name it.
    audience: Option<String>,
    pub(super) note_key: Option<PrivateKey>,
}

impl BundleDirectoryArgs {
    pub(super) fn resolve(&self, home: &Path) -> Result<BundleDirectory, Failure> {
        if let (Some(directory), Some(trust)) = (&self.bundle, &self.trust) {
            let (path, trust) = (directory.clone(), read_trust(trust)?);
            return Ok(BundleDirectory { path, trust, audience: None, note_key: None });
        }
        let config = config::load(&home::configuration(home)).map_err(|faults| Failure::all(&faults))?;
        let path = match config.bundle.place {
            BundlePlace::Directory(path) => path,
            BundlePlace::Url(url) => {
                return Err(Failure::new(format!(
                    "the server of this home directory fetches its bundles from {url}: name the directory that is served there with --bundle, and add --trust"
                )));
            }
        };
        Ok(BundleDirectory {
            path,
            trust: config.bundle.trust,
            audience: Some(config.audience),
            note_key: config.bundle.note_key,
        })
    }
}

impl BundleDirectory {
    /// What a server expects of a bundle from this directory. `documented` is the audience that the documents
    /// name.
    pub(super) fn expected<'a>(&'a self, documented: &'a str, clock: &Clock) -> Expected<'a> {
        let audience = self.audience.as_deref().unwrap_or(documented);
        Expected { trust: &self.trust, audience, floor: None, min_version: 0, now: clock.now() }
    }

    /// What is signed offline of the current bundle.
    pub(super) fn base(&self, audience: &str, clock: &Clock) -> Result<Base, Failure> {
        directory::base_parcel(&self.path)
            .and_then(|parcel| policy::open_base(&parcel, &self.expected(audience, clock), &AwsLcVerifier))
            .map_err(|refusal| Failure::new(format!("bundle {}: {refusal}", self.path.display())))
    }

    /// The current signed bundle.
    pub(super) fn bundle(&self, audience: &str, clock: &Clock) -> Result<Bundle, Failure> {
        directory::load(&self.path, &self.expected(audience, clock), &AwsLcVerifier)
            .map_err(|refusal| Failure::new(format!("bundle {}: {refusal}", self.path.display())))
    }
}

pub(super) fn read_trust(file: &Path) -> Result<TrustKeys, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", file.display()));
    let bytes = std::fs::read(file).map_err(|e| failed(&e))?;
    TrustKeys::from_json(&bytes).map_err(|e| failed(&e))
}

/// The private keys in these files, or the one in the default file.
pub(super) fn read_keys(files: &[PathBuf], default: &Path) -> Result<Vec<PrivateKey>, Failure> {
    if files.is_empty() { read_each(&[default.to_owned()]) } else { read_each(files) }
}

/// The private keys in these files.
pub(super) fn read_each(files: &[PathBuf]) -> Result<Vec<PrivateKey>, Failure> {
    files.iter().map(|file| keys::read(file).map_err(Failure::new)).collect()
}
