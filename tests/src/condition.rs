//! Waiting for things to be so. The only place that lets time pass, and it stops at the first look that succeeds.

use std::time::{Duration, Instant};

/// Long enough for a loaded machine of two cores; reaching it is a failure, never the ordinary case.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks `look` until it has an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`], saying what was waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let from = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(answer) = look().await {
            return answer;
        }
        assert!(from.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
