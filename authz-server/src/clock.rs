//! The one place that reads the wall clock.
//!
//! Everything else gets the time as a value. A decision takes one value and uses it from its first check to
//! its record, so that no two checks of one request can disagree about the time.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use warrant::Seconds;

/// If the wall clock is behind the last entry of the ledger by more than this, it is wrong now or was wrong before. No
/// time window can rely on it.
const MAY_LAG_MS: u64 = 5_000;

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

/// The wall clock compared with the last entry of the ledger, whose times never run backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeReading {
    /// The later of the two.
    pub now: Seconds,
    /// The time until which the wall clock cannot be relied on; `None` if it can be relied on now.
    pub unreliable_until: Option<Seconds>,
}

impl Clock {
    /// Compares the wall clock with the time of the ledger's last entry, in milliseconds.
    pub fn compared_with(&self, last: u64) -> TimeReading {
        let (wall, from) = (self.milliseconds(), last.saturating_sub(MAY_LAG_MS));
        TimeReading {
            now: Seconds::new(wall.max(last) / 1000),
            unreliable_until: (wall < from).then(|| Seconds::new(from.div_ceil(1000))),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_far_behind_the_ledger_is_unreliable_until_it_has_nearly_caught_up() {
        let reading = |wall, last| {
            let TimeReading { now, unreliable_until } = Clock::from_fn(move || wall).compared_with(last);
            (now.get(), unreliable_until.map(Seconds::get))
        };
        assert_eq!(reading(100_000, 99_000), (100, None));
        assert_eq!(reading(100_000, 105_000), (105, None));
        assert_eq!(reading(100_000, 105_001), (105, Some(101)));
        assert_eq!(reading(100_000, 3_700_000), (3700, Some(3695)));
        assert_eq!(reading(0, 4_000), (4, None));
    }
}
