//! Where signed bundles are put and who may sign them: what a house's configuration says, or, on a machine that has no house, what the
//! command line does.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use warrant::AwsLcVerifier;

use crate::bundles::directory;
use crate::cli::init::house;
use crate::cli::out::Failure;
use crate::clock::Clock;
use crate::config::{self, BundlePlace};
use crate::keys::{self, PrivateKey};
use policy::{Bundle, Expected, TrustKeys};

#[derive(Debug, ClapArgs)]
pub(super) struct Place {
    /// The folder of signed bundles, on a machine without a house [default: the one that HOME's configuration names]
    #[arg(long, requires = "trust")]
    bundle: Option<PathBuf>,
    /// A file `{threshold, keys}` of JSON: who may sign bundles, on a machine without a house
    #[arg(long, requires = "bundle")]
    trust: Option<PathBuf>,
}

#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) directory: PathBuf,
    pub(super) trust: TrustKeys,
    /// The mesh of the house; without a house the documents say it.
    audience: Option<String>,
    pub(super) note_key: Option<PrivateKey>,
}

impl Place {
    pub(super) fn shelf(&self, home: &Path) -> Result<Shelf, Failure> {
        if let (Some(directory), Some(trust)) = (&self.bundle, &self.trust) {
            let (directory, trust) = (directory.clone(), trust_in(trust)?);
            return Ok(Shelf { directory, trust, audience: None, note_key: None });
        }
        let config = config::load(&house::configuration(home)).map_err(|faults| Failure::all(&faults))?;
        let directory = match config.bundle.place {
            BundlePlace::Directory(directory) => directory,
            BundlePlace::Url(url) => {
                return Err(Failure::new(format!(
                    "the house fetches its bundles from {url}: name the folder that is served there by --bundle, with --trust"
                )));
            }
        };
        Ok(Shelf {
            directory,
            trust: config.bundle.trust,
            audience: Some(config.audience),
            note_key: config.bundle.note_key,
        })
    }
}

impl Shelf {
    /// What a server that is given a bundle from here expects; `documents` is the audience that they name.
    pub(super) fn expected<'a>(&'a self, documents: &'a str, clock: &Clock) -> Expected<'a> {
        let audience = self.audience.as_deref().unwrap_or(documents);
        Expected { trust: &self.trust, audience, floor: None, now: clock.now() }
    }

    /// The bundle that is signed already.
    pub(super) fn bundle(&self, audience: &str, clock: &Clock) -> Result<Bundle, Failure> {
        directory::load(&self.directory, &self.expected(audience, clock), &AwsLcVerifier)
            .map_err(|refusal| Failure::new(format!("bundle {}: {refusal}", self.directory.display())))
    }
}

pub(super) fn trust_in(file: &Path) -> Result<TrustKeys, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", file.display()));
    let bytes = std::fs::read(file).map_err(|e| failed(&e))?;
    TrustKeys::from_json(&bytes).map_err(|e| failed(&e))
}

/// The keys in these files, or the one that `init` puts there.
pub(super) fn keys(files: &[PathBuf], default: &Path) -> Result<Vec<PrivateKey>, Failure> {
    let default = [default.to_owned()];
    let files = if files.is_empty() { default.as_slice() } else { files };
    files.iter().map(|file| keys::read(file).map_err(Failure::new)).collect()
}
