//! Waiting for a condition. Only this file lets time pass, and it stops waiting as soon as the condition holds.

use std::time::Duration;
use tokio::time::Instant;

/// The longest time to wait. It is long enough for a loaded machine with two cores; a test that reaches it fails.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Calls `look` until it returns something.
///
/// # Panics
/// When it has returned nothing within [`LONGEST_WAIT`], also because a call did not end. The message is `what`.
pub async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(LONGEST_WAIT, what, look).await
}

/// The same with another limit, for what takes its time by design.
///
/// # Panics
/// When it has returned nothing within this time.
pub async fn until_within<T>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Ok(Some(found)) = tokio::time::timeout_at(end, look()).await {
            return found;
        }
        assert!(Instant::now() < end, "waited {limit:?} for {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
