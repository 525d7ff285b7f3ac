//! The decision: from what is known of a request to a verdict on it. **Pure**: no I/O, no clock, no randomness, no
//! tokio, so that a recorded decision can be judged again on any machine and give the same answer.

mod case;
mod facts;
mod judge;
mod require;
mod verdict;

pub use case::{ByRecord, ByToken, Case, Evidence, HttpCase, Line, ProofFound};
pub use facts::{Attestation, Attested, Facts, Identity};
pub use judge::{judge, nearest};
pub use verdict::{Denied, Judgement, Pass, Passing, Permit};
