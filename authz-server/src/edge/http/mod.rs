//! The HTTP endpoints: those of the API, and those for health checks, which have a listener of their own.

mod authenticate;
mod candidate;
mod count;
mod facts;
pub mod health;
pub mod log;
mod receipt_keys;
mod refused;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

pub use authenticate::Authenticator;
pub use count::CallCounter;

use crate::authority::FactRecorder;
use crate::bundles::candidate::Candidate;

/// What the API serves. Only keys and the public part of the log are for everybody.
pub fn api(
    log: log::Log,
    candidate: Option<Arc<Candidate>>,
    facts: FactRecorder,
    authenticator: Authenticator,
    counter: CallCounter,
    receipt_keys: String,
) -> Router {
    let with_callers = facts::router(facts.clone()).merge(candidate::router(candidate, facts));
    let with_callers = with_callers.layer(from_fn_with_state(authenticator, authenticate::authenticate));
    let with_callers = with_callers.layer(from_fn_with_state(counter, count::count));
    log::router(log).merge(with_callers).merge(receipt_keys::router(receipt_keys))
}
