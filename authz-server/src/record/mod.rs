//! The decision on record: into the form that the ledger keeps, and back out of it to be judged again.
//!
//! Pure. What goes in is the judge's whole input as parsed facts, so that what comes out is judged without any token.
//! Knows cases, bundles and entries; no ledger that is open, no clock, no gateway.

mod chain;
mod checks;
mod entry;
mod explain;
mod judged_again;
mod recorded_case;
#[cfg(test)]
mod tests;

pub use entry::{of_case, outcome_of, recorded_burns, verdict};
pub use explain::{Account, explain};
pub use judged_again::{JudgedAgain, judge_again};
