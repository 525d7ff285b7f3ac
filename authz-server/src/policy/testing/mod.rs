//! Tests that a route's team writes: run when a bundle is built, and no bundle is built when one fails.

mod chain;
mod coverage;
mod explain;
mod judge;
mod question;
mod run;

pub use coverage::Coverage;
pub(crate) use coverage::coverage;
pub use explain::Explained;
pub(crate) use explain::{explain, explain_case, explain_verdict};
pub use judge::Judged;
pub use question::Question;
pub use run::Outcome;
pub(crate) use run::{covered, run};
