//! Tests that a route's team writes: run when a bundle is built, and no bundle is built when one fails.

mod chain;
mod judge;
mod run;

pub(crate) use run::{Outcome, covered, run};
