//! What happened to the bundles that were offered, for readiness and metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Heartbeat;
use crate::complaint::Complaint;

#[derive(Debug, Default)]
pub struct BundleStatus {
    /// Why the bundle that is offered now is refused.
    pub refused: Complaint,
    /// Whether the keeper still looks for newer bundles.
    pub heartbeat: Heartbeat,
    activations: AtomicU64,
}

impl BundleStatus {
    pub fn count_activation(&self) {
        self.activations.fetch_add(1, Ordering::Relaxed);
    }

    /// How many bundles were put in force since the start.
    pub fn activations(&self) -> u64 {
        self.activations.load(Ordering::Relaxed)
    }
}
