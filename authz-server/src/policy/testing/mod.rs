//! Tests that a route's team writes: run when a bundle is built, and no bundle is built when one fails.

mod chain;
mod coverage;
mod judge;
mod run;

pub use coverage::Coverage;
pub(crate) use coverage::coverage;
pub use judge::Judged;
pub use run::Outcome;
pub(crate) use run::{covered, run};
