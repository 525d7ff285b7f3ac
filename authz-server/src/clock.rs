//! The one place that reads the wall clock.
//!
//! Everything else gets the time as a value. A decision takes one value and uses it from its first check to
//! its record, so that no two checks of one request can disagree about the time.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use warrant::Seconds;

/// A source of milliseconds since 1970: the machine's clock, or a function of a test.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The machine's own clock. A time before 1970 reads as 0, so that every validity window is in the future
    /// and closed.
    pub fn of_the_machine() -> Clock {
        Clock(Arc::new(wall_milliseconds))
    }

    /// A clock that returns what `read` returns.
    pub fn from_fn(read: impl Fn() -> u64 + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(read))
    }

    pub fn milliseconds(&self) -> u64 {
        (self.0)()
    }

    pub fn now(&self) -> Seconds {
        Seconds::new(self.milliseconds() / 1000)
    }
}

impl From<Clock> for ledger::ClockFn {
    fn from(clock: Clock) -> ledger::ClockFn {
        clock.0
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({} ms)", self.milliseconds())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
fn wall_milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
