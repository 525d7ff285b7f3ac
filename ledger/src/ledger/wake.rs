//! Wakes the writer while it waits for room. It waits for several things at once, and for facts that come meanwhile, so all of
//! them share one condition.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The thread that makes room wakes the writer. It may end without doing so, so the writer also looks this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Default)]
pub(crate) struct Wake(Arc<Changed>);

#[derive(Debug, Default)]
struct Changed {
    /// Whether something changed since the last wait.
    has: Mutex<bool>,
    condition: Condvar,
}

impl Wake {
    /// Something changed: the writer must look again, now or when it next waits.
    pub(crate) fn wake(&self) {
        *self.0.has.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.condition.notify_one();
    }

    /// Waits until something changed since the last wait.
    pub(crate) fn wait(&self) {
        let has = self.0.has.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.condition.wait_timeout_while(has, LOOK_EVERY, |has| !*has);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}
