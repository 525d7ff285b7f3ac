//! The arguments of `mint` and `delegate` that say who gets a new warrant, for how long, and how often it may
//! be used.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::Seconds;

use crate::cli::out::Failure;
use crate::cli::values::{duration, pair};
use crate::clock::Clock;

/// The lifetime of a warrant without `--lifetime`, in seconds.
pub(super) const DEFAULT_LIFETIME: u64 = 60;

/// For whom, for how long, how often.
#[derive(Debug, ClapArgs)]
pub(super) struct GrantArgs {
    /// The holder: a SPIFFE ID, or a name such as agent:demo
    #[arg(long)]
    pub(super) sub: String,
    /// The holder's key: a public JWK, or a key file; only the public half goes into the warrant
    #[arg(long)]
    pub(super) cnf: PathBuf,
    /// How long it is valid [default: 60s, but a child no longer than its parent]
    #[arg(long, value_parser = duration)]
    pub(super) lifetime: Option<u64>,
    /// How often it may be used [default for a root: without limit; for a child: as its parent]
    #[arg(long = "use", value_parser = clap::value_parser!(u32).range(1..=0x7fff_ffff))]
    pub(super) uses: Option<u32>,
    /// An environment in which it is valid, as DIMENSION=VALUE; may be given several times
    #[arg(long = "env", value_parser = pair)]
    pub(super) env: Vec<(String, String)>,
    /// A measurement with which the workload must be attested, as sha256:…; may be given several times
    #[arg(long = "measurement")]
    measured: Vec<String>,
    /// When it begins, in seconds since 1970 [default: now]
    #[arg(long)]
    pub(super) at: Option<u64>,
}

impl GrantArgs {
    pub(super) fn begins(&self) -> Seconds {
        self.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new)
    }

    pub(super) fn measurements(&self) -> Option<Vec<String>> {
        (!self.measured.is_empty()).then(|| self.measured.clone())
    }

    /// Each dimension with all its values.
    pub(super) fn environment(&self) -> Vec<(String, Vec<String>)> {
        let mut env: Vec<(String, Vec<String>)> = Vec::new();
        for (dimension, value) in &self.env {
            match env.iter_mut().find(|(known, _)| known == dimension) {
                Some((_, values)) => values.push(value.clone()),
                None => env.push((dimension.clone(), vec![value.clone()])),
            }
        }
        env
    }
}

/// A new random name: 128 bits in base64url.
pub(super) fn fresh_name() -> Result<String, Failure> {
    use base64::Engine;
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure::new("the system's random source failed"))?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
