//! The one place that reads the wall clock.
//!
//! Everything else gets the time as a value. A decision takes one value and uses it from its first check to
//! its record, so that no two checks of one request can disagree about the time.

mod steadiness;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use warrant::Seconds;

use steadiness::{Reading, Steadiness};

/// If the wall clock is behind the last entry of the ledger by more than this, it is wrong now or was wrong before. No
/// time window can rely on it.
const MAY_LAG_MS: u64 = 5_000;

/// Milliseconds, from one clock of the machine or from a function of a test.
type Milliseconds = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The wall clock, compared at each reading with the time since the machine started.
#[derive(Clone)]
pub struct Clock {
    wall: Milliseconds,
    /// The time since the machine started, which nobody can set. `None` for a clock that is never set.
    boot: Option<Milliseconds>,
    state: Arc<Mutex<State>>,
}

struct State {
    steadiness: Steadiness,
    /// The wall clock when it was last relied on.
    last_steady: u64,
}

/// The wall clock, and whether it was set.
#[derive(Clone, Copy, Debug)]
struct WallTime {
    /// What it shows; while it is not relied on, what it would show if it had not been set.
    milliseconds: u64,
    /// The same, but while the clock is not relied on it stands still.
    stamp: u64,
    /// In how many seconds it is relied on again, if it is not set again.
    steady_in: Option<u64>,
}

impl Clock {
    /// The machine's own clock. A time before 1970 reads as 0, so that every validity window is in the future
    /// and closed.
    pub fn of_the_machine() -> Clock {
        Clock::of(Arc::new(wall_milliseconds), Some(Arc::new(boot_milliseconds)))
    }

    /// A clock that returns what `read` returns, and that is never set.
    pub fn from_fn(read: impl Fn() -> u64 + Send + Sync + 'static) -> Clock {
        Clock::of(Arc::new(read), None)
    }

    fn of(wall: Milliseconds, boot: Option<Milliseconds>) -> Clock {
        let last_steady = wall();
        let booted = boot.as_ref().map_or(last_steady, |boot| boot());
        let state = State { steadiness: Steadiness::new(last_steady, booted), last_steady };
        Clock { wall, boot, state: Arc::new(Mutex::new(state)) }
    }

    /// The time. While the wall clock is not relied on, it is what the clock would show if it had not been set.
    pub fn milliseconds(&self) -> u64 {
        self.read().milliseconds
    }

    pub fn now(&self) -> Seconds {
        Seconds::new(self.milliseconds() / 1000)
    }

    /// The time since the machine started, in milliseconds: for rates, which nobody may change by setting the clock.
    pub fn since_boot(&self) -> u64 {
        self.boot.as_ref().unwrap_or(&self.wall)()
    }

    fn read(&self) -> WallTime {
        // Only complete values are stored under this lock. Both clocks are read under it, so that a thread that waits
        // does not compare old times.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = (self.wall)();
        let boot = self.boot.as_ref().map_or(wall, |boot| boot());
        match state.steadiness.read(wall, boot) {
            Reading::Steady => {
                state.last_steady = wall;
                WallTime { milliseconds: wall, stamp: wall, steady_in: None }
            }
            Reading::Set { for_another, otherwise } => WallTime {
                milliseconds: otherwise,
                stamp: state.last_steady,
                steady_in: Some(for_another.div_ceil(1000)),
            },
        }
    }
}

/// The wall clock compared with the last entry of the ledger, whose times never run backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeReading {
    /// The later of the two.
    pub now: Seconds,
    /// Why the wall clock cannot be relied on; `None` if it can.
    pub unreliable: Option<Unreliable>,
}

/// Why the wall clock cannot be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreliable {
    /// It was set. It is relied on again after this many seconds, if it is not set again.
    Set { for_another: u64 },
    /// It is behind the last entry of the ledger, until it shows this time.
    Behind { until: Seconds },
}

impl Clock {
    /// For calls of the API: the later of the time and that of the ledger's last entry, in milliseconds. A clock that was set
    /// must not keep anybody from revoking, and not end a revocation early.
    pub fn not_before(&self, last: u64) -> Seconds {
        Seconds::new(self.milliseconds().max(last) / 1000)
    }

    /// Compares the wall clock with the time of the ledger's last entry, in milliseconds.
    pub fn compared_with(&self, last: u64) -> TimeReading {
        let (wall, from) = (self.read(), last.saturating_sub(MAY_LAG_MS));
        if let Some(for_another) = wall.steady_in {
            return TimeReading {
                now: Seconds::new(last / 1000),
                unreliable: Some(Unreliable::Set { for_another }),
            };
        }
        let is_behind = wall.milliseconds < from;
        TimeReading {
            now: Seconds::new(wall.milliseconds.max(last) / 1000),
            unreliable: is_behind.then(|| Unreliable::Behind { until: Seconds::new(from.div_ceil(1000)) }),
        }
    }
}

/// The ledger stamps no time that is not relied on: then its entries take the time of the last one.
impl From<Clock> for ledger::ClockFn {
    fn from(clock: Clock) -> ledger::ClockFn {
        Arc::new(move || clock.read().stamp)
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

/// It counts while the machine sleeps too.
fn boot_milliseconds() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_wall_clock_far_behind_the_ledger_is_unreliable_until_it_has_nearly_caught_up() {
        let reading = |wall, last| {
            let TimeReading { now, unreliable } = Clock::from_fn(move || wall).compared_with(last);
            (now.get(), unreliable)
        };
        let behind = |until| Some(Unreliable::Behind { until: Seconds::new(until) });
        assert_eq!(reading(100_000, 99_000), (100, None));
        assert_eq!(reading(100_000, 105_000), (105, None));
        assert_eq!(reading(100_000, 105_001), (105, behind(101)));
        assert_eq!(reading(100_000, 3_700_000), (3700, behind(3695)));
        assert_eq!(reading(0, 4_000), (4, None));
    }

    #[test]
    fn a_clock_that_was_set_stamps_nothing_and_everything_else_goes_on_as_if_it_had_not_been() {
        let (wall, boot) = (Arc::new(AtomicU64::new(50_000)), Arc::new(AtomicU64::new(1_000)));
        let read = |time: &Arc<AtomicU64>| -> Milliseconds {
            let time = Arc::clone(time);
            Arc::new(move || time.load(Ordering::Relaxed))
        };
        let clock = Clock::of(read(&wall), Some(read(&boot)));
        let stamp: ledger::ClockFn = clock.clone().into();
        let at = |w, b| {
            wall.store(w, Ordering::Relaxed);
            boot.store(b, Ordering::Relaxed);
        };
        at(51_000, 2_000);
        assert_eq!((stamp(), clock.milliseconds()), (51_000, 51_000));
        at(3_652_000, 3_000);
        assert_eq!((stamp(), clock.milliseconds(), clock.since_boot()), (51_000, 52_000, 3_000));
        let set = Some(Unreliable::Set { for_another: 60 });
        assert_eq!(clock.compared_with(51_000), TimeReading { now: Seconds::new(51), unreliable: set });
        at(53_000, 4_000);
        assert_eq!((stamp(), clock.milliseconds()), (53_000, 53_000));
        assert_eq!(clock.compared_with(51_000), TimeReading { now: Seconds::new(53), unreliable: None });
    }
}
