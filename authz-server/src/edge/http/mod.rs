//! The HTTP endpoints: those of the API, and those for health checks, which have a listener of their own.

mod candidate;
pub mod health;
pub mod log;

use std::sync::Arc;

use axum::Router;

use crate::bundles::candidate::Candidate;

/// What the API serves.
pub fn api(log: log::Log, candidate: Option<Arc<Candidate>>) -> Router {
    log::router(log).merge(candidate::router(candidate))
}
