//! Recorded decisions: turns a case into its entry, and an entry back into a case that can be judged again.
//!
//! It does no I/O. An entry holds the judge's whole input as parsed facts, so judging again needs no token. The
//! module knows cases, bundles and entries, but no open ledger, no clock and no gateway.

mod chain;
mod checks;
mod codes;
mod earlier_terms;
mod entry;
mod explain;
mod facts;
mod judged_again;
mod recorded_case;
mod recorded_forward;
#[cfg(test)]
mod tests;

pub use chain::{RecordedWarrant, recorded_details};
pub use codes::{code_of, denial_in, denial_of};
pub use earlier_terms::EarlierTerms;
pub use entry::{of_case, outcome_of, recorded_burns, request_line, verdict};
pub use explain::{Account, explain};
pub use facts::target_of;
pub use judged_again::{JudgedAgain, judge_again};
pub use recorded_forward::RecordedForward;
