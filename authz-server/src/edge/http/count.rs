//! Counts the calls to the API, and writes a line for each that is refused. Nobody can fill the log with refused calls.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::warn;

use crate::authority::problem::ApiErrorCode;
use crate::clock::Clock;
use crate::telemetry::Metrics;

/// How many refused calls get a line in one second. The metric counts all.
const LINES_A_SECOND: u32 = 20;

/// Counts calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallCounter {
    metrics: Arc<Metrics>,
    clock: Clock,
    /// The second, and the lines in it.
    lines: Arc<Mutex<(u64, u32)>>,
}

impl CallCounter {
    pub fn new(metrics: Arc<Metrics>, clock: Clock) -> CallCounter {
        CallCounter { metrics, clock, lines: Arc::default() }
    }

    /// Whether a line may be written now: nobody can fill the log with refused calls.
    pub(super) fn may_write(&self) -> bool {
        let now = self.clock.now().get();
        // Only complete values are stored under this lock.
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, written) = *lines;
        let written = if second == now { written } else { 0 };
        *lines = (now, written.saturating_add(1));
        written < LINES_A_SECOND
    }
}

pub(super) async fn count(State(counter): State<CallCounter>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let refused = response.extensions().get::<ApiErrorCode>().copied();
    counter.metrics.count_call(refused.map_or("", ApiErrorCode::code));
    if let Some(code) = refused
        && counter.may_write()
    {
        warn!(%method, path, code = code.code(), "a call to the API was refused");
    }
    response
}
