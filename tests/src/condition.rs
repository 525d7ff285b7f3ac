//! Waiting for things to be so. The only place that lets time pass, and it stops at the first look that succeeds.

use std::time::Duration;
use tokio::time::Instant;

/// Long enough for a loaded machine of two cores; reaching it is a failure, never the ordinary case.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks `look` until it has an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`], saying what was waited for. A look that never ends is none.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Ok(Some(answer)) = tokio::time::timeout_at(end, look()).await {
            return answer;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
