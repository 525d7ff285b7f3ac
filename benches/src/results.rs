//! Everything that was measured in one run. It does not know how.

use std::collections::BTreeMap;

use crate::measuring::{Round, Series};
use crate::statistics::Spread;

/// What was measured in one run.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// The machine, as names and values.
    pub machine: Vec<(&'static str, String)>,
    /// How it was measured, as names and values.
    pub method: Vec<(&'static str, String)>,
    pub contenders: Vec<Measured>,
    /// Figures that are not of a contender, by round.
    pub figures: BTreeMap<Figure, Vec<f64>>,
    pub curves: Vec<Curve>,
}

/// A contender and its rounds.
#[derive(Clone, Debug)]
pub struct Measured {
    pub name: &'static str,
    pub what: &'static str,
    pub for_a_curve: bool,
    pub series: Series,
}

/// A figure that is not of a contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// A bare ES256 check by aws-lc, in microseconds.
    Es256Check,
    /// The p99 of a write with fdatasync of one thread, in microseconds.
    Sync,
    /// The ledger with 64 writers, as a part of a plain group commit.
    GroupCommit,
    /// The fold at a start without a snapshot, in MB a second.
    Fold,
    /// Resident memory of an idle server, in MB.
    Idle,
    /// The part of it that is its own: without pages of the program's file.
    IdleOwn,
    /// How long an issuance takes at a thousand a second: p99 in milliseconds.
    IssuanceP99,
    /// How many roots were issued in a second.
    Issuances,
    /// What one costs the server, in microseconds.
    IssuanceCpu,
    /// The cost of a decision with a million spent uses, as a ratio to that with none.
    MillionUses,
}

/// Values against something.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The name of its file.
    pub file: &'static str,
    pub title: &'static str,
    pub of_x: &'static str,
    pub of_y: &'static str,
    pub lines: Vec<Line>,
}

/// One line of a curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, Spread)>,
}

impl Results {
    /// The rounds of a contender, if it ran.
    #[must_use]
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.contenders.iter().find(|one| one.name == name).map(|one| &one.series)
    }

    /// One figure of every round of a contender.
    pub fn each(&self, name: &str, figure: fn(&Round) -> f64) -> Option<Vec<f64>> {
        self.series(name).map(|series| series.each(figure)).filter(|rounds| !rounds.is_empty())
    }

    /// The median and the spread of a figure that is not of a contender.
    #[must_use]
    pub fn figure(&self, figure: Figure) -> Option<Spread> {
        Spread::of(self.figures.get(&figure)?.iter().copied())
    }

    /// Adds a value of such a figure.
    pub fn add(&mut self, figure: Figure, value: f64) {
        self.figures.entry(figure).or_default().push(value);
    }
}
