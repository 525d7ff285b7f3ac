//! What operators see of a running server: metrics and readiness.

mod metrics;
mod readiness;

pub use metrics::{
    BundleFigures, CloseReason, ClosedConnections, FactFigures, FreeSpace, LedgerFigures, Metrics, Pace,
    WitnessFigures,
};
pub use readiness::{Readiness, ReadinessReport};
