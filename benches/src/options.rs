//! What the command line of the bench says.

use clap::{Parser, ValueEnum};

/// Measures what Portcullis costs, side by side with what a user would pick instead.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench")]
pub struct Options {
    /// The parts to run; all of them if none is named
    pub parts: Vec<Part>,
    /// Rounds of each contender; they take turns
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Requests to each contender in all rounds together
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
    /// The contenders to run, by name and separated by commas; without it, all but those of curves
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Requests to each contender before the first round, instead of 4,000 and, with Wasm, 40,000
    #[arg(long)]
    warm_up: Option<u64>,
    /// Writes benches/RESULTS.md and benches/charts/
    #[arg(long)]
    pub write: bool,
    /// Lists the contenders and ends
    #[arg(long)]
    pub list: bool,
}

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// What a request costs Envoy and the server, side by side
    Contenders,
    /// The cost of the first requests, and of those after a warm-up
    WarmUp,
    /// Costs against connections, routes, depth and spent uses
    Curves,
    /// What each of Envoy's settings for ext_authz costs
    Settings,
    /// The ledger against a plain group commit, and its fold at a start
    Ledger,
    /// The memory of a server that nobody asks
    Idle,
    /// What a decision costs the server alone
    Decisions,
    /// What the server does when it is asked for too much
    Overload,
}

impl Options {
    /// The parts to run.
    #[must_use]
    pub fn chosen(&self) -> Vec<Part> {
        match self.parts.as_slice() {
            [] if self.only.is_empty() => Part::value_variants().to_vec(),
            [] => vec![Part::Contenders],
            chosen => chosen.to_vec(),
        }
    }

    /// How many rounds.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds as usize
    }

    /// Requests of each contender in one round.
    #[must_use]
    pub fn a_round(&self) -> usize {
        (self.requests as usize).div_ceil(self.rounds())
    }

    /// Requests before the first round, of a contender that needs so many.
    #[must_use]
    pub fn warm_up(&self, needed: usize) -> usize {
        self.warm_up.map_or(needed, |chosen| chosen as usize)
    }
}
