//! What a new warrant grants, as `mint` and `delegate` take it from the command line.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::Seconds;

use crate::cli::out::Failure;
use crate::cli::values::{duration, pair};
use crate::clock::Clock;

/// Whom it is for, how long, how often.
#[derive(Debug, ClapArgs)]
pub(super) struct Terms {
    /// The holder: a SPIFFE ID, or a name such as agent:demo
    #[arg(long)]
    pub(super) sub: String,
    /// The holder's key file; only its public half goes into the warrant
    #[arg(long)]
    pub(super) cnf: PathBuf,
    /// How long it holds
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(super) lifetime: u64,
    /// How often it may be used; without it, as often as its time allows
    #[arg(long = "use", value_parser = clap::value_parser!(u32).range(1..=0x7fff_ffff))]
    pub(super) uses: Option<u32>,
    /// An environment it is bound to, as DIMENSION=VALUE; may be given several times
    #[arg(long = "env", value_parser = pair)]
    pub(super) env: Vec<(String, String)>,
    /// When it begins, in seconds since 1970 [default: now]
    #[arg(long)]
    pub(super) at: Option<u64>,
}

impl Terms {
    pub(super) fn begins(&self) -> Seconds {
        self.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new)
    }

    /// Each dimension with all the values that were given for it.
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

/// A name that nobody has used before.
pub(super) fn fresh_name() -> Result<String, Failure> {
    use base64::Engine;
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure::new("the system's random source gave nothing"))?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
