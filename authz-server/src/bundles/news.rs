//! What became of the bundles that were offered: told by readiness and counted in metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::complaint::Complaint;

#[derive(Debug, Default)]
pub struct BundleNews {
    /// Why the bundle that is offered now is not taken.
    pub refused: Complaint,
    activations: AtomicU64,
}

impl BundleNews {
    pub fn count_activation(&self) {
        self.activations.fetch_add(1, Ordering::Relaxed);
    }

    /// How many bundles were put in force, since the start.
    pub fn activations(&self) -> u64 {
        self.activations.load(Ordering::Relaxed)
    }
}
