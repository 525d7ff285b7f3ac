//! The judge: it takes everything that is known about a request and gives a verdict. **Pure**: no I/O, no
//! clock, no randomness, no tokio, so that a recorded decision can be judged again on any machine with the
//! same answer.
//!
//! The tests of the judge, with their table of cases, are in `authz-server/src/record/tests/judge.rs`: there
//! every case is also recorded and judged again from the record.

mod case;
mod facts;
mod judge;
mod require;
mod verdict;

pub use case::{ByRecord, ByToken, Case, Evidence, HttpCase, Line, ProofFound};
pub use facts::{Attestation, ConditionFact, Facts, HaltedScopes, Identity, Issuance};
pub use judge::{judge, nearest};
pub use verdict::{Denied, Judgement, Pass, PassReason, Permit, result_code, serialize_result};
