//! Whether the wall clock moves with the time since the machine started, which nobody can set. It is given both times
//! and reads no clock.

/// How far the wall clock may move within [`STANDS_MS`] before it counts as set.
const MAY_MOVE_MS: i64 = 5_000;

/// How long a clock that was set must go on from there before it is relied on again. One wrong second must not count.
const STANDS_MS: u64 = 60_000;

/// How the wall clock stood to the time since the start of the machine, and since when it stands otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steadiness {
    relied_on: Standing,
    /// Where the clock stands now, if it was set.
    set: Option<Standing>,
}

/// The distance from the time since the machine started to the wall clock, and when that time it was first seen.
#[derive(Clone, Copy, Debug)]
struct Standing {
    distance: i64,
    since: u64,
}

/// What a reading of both clocks says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The wall clock can be relied on.
    Steady,
    /// It was set. It is relied on again if it goes on like this for so many milliseconds. Until then this is the time
    /// that it would show if it had not been set.
    Set { for_another: u64, otherwise: u64 },
}

impl Steadiness {
    /// The first reading is relied on.
    pub(super) fn new(wall: u64, boot: u64) -> Steadiness {
        Steadiness { relied_on: Standing { distance: distance(wall, boot), since: boot }, set: None }
    }

    pub(super) fn read(&mut self, wall: u64, boot: u64) -> Reading {
        let now = Standing { distance: distance(wall, boot), since: boot };
        let stood = |standing: Standing| boot.saturating_sub(standing.since);
        if now.is_near(self.relied_on) {
            self.set = None;
            // A clock that is slewed moves slowly.
            if stood(self.relied_on) >= STANDS_MS {
                self.relied_on = now;
            }
            return Reading::Steady;
        }
        let set = self.set.filter(|set| now.is_near(*set)).unwrap_or(now);
        let for_another = STANDS_MS.saturating_sub(stood(set));
        if for_another == 0 {
            *self = Steadiness { relied_on: now, set: None };
            return Reading::Steady;
        }
        self.set = Some(set);
        let otherwise = i64::try_from(boot).unwrap_or(i64::MAX).saturating_add(self.relied_on.distance);
        Reading::Set { for_another, otherwise: u64::try_from(otherwise).unwrap_or(0) }
    }
}

impl Standing {
    fn is_near(self, other: Standing) -> bool {
        self.distance.saturating_sub(other.distance).saturating_abs() <= MAY_MOVE_MS
    }
}

fn distance(wall: u64, boot: u64) -> i64 {
    let [wall, boot] = [wall, boot].map(|time| i64::try_from(time).unwrap_or(i64::MAX));
    wall.saturating_sub(boot)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn started() -> Steadiness {
        Steadiness::new(10 * HOUR, HOUR)
    }

    /// The reading so many milliseconds after the start, if the clock was moved by this much.
    fn read(clock: &mut Steadiness, after: u64, moved: i64) -> Reading {
        let wall = (10 * HOUR).checked_add(after).and_then(|wall| wall.checked_add_signed(moved));
        clock.read(wall.unwrap(), HOUR.saturating_add(after))
    }

    #[test]
    fn an_hour_ahead_for_one_second_is_over_when_the_clock_is_back() {
        let mut clock = started();
        assert_eq!(
            read(&mut clock, 1_000, 3_600_000),
            Reading::Set { for_another: 60_000, otherwise: 10 * HOUR + 1_000 }
        );
        assert_eq!(
            read(&mut clock, 1_500, 3_600_000),
            Reading::Set { for_another: 59_500, otherwise: 10 * HOUR + 1_500 }
        );
        assert_eq!(read(&mut clock, 2_000, 0), Reading::Steady);
        assert_eq!(read(&mut clock, 62_000, 0), Reading::Steady);
    }

    #[test]
    fn a_clock_that_goes_on_where_it_was_set_is_relied_on_after_a_minute() {
        for moved in [-3_600_000, -5_001, 5_001, 3_600_000] {
            let mut clock = started();
            assert!(matches!(read(&mut clock, 0, moved), Reading::Set { for_another: 60_000, .. }));
            assert!(matches!(read(&mut clock, 59_999, moved), Reading::Set { for_another: 1, .. }));
            assert_eq!(read(&mut clock, 60_000, moved), Reading::Steady);
            assert!(matches!(read(&mut clock, 60_001, 0), Reading::Set { .. }), "back again is set again");
        }
    }

    #[test]
    fn a_clock_that_is_set_again_and_again_is_not_relied_on() {
        let mut clock = started();
        for second in 1..1000_i64 {
            let after = u64::try_from(second).unwrap() * 1_000;
            assert!(matches!(
                read(&mut clock, after, second * 10_000),
                Reading::Set { for_another: 60_000, .. }
            ));
        }
    }

    #[test]
    fn a_clock_may_be_slewed_by_five_seconds_a_minute_and_no_faster() {
        let mut clock = started();
        for second in 0..1000_i64 {
            let after = u64::try_from(second).unwrap() * 1_000;
            assert_eq!(read(&mut clock, after, second * 80), Reading::Steady, "{second}");
        }
        let mut clock = started();
        let mut readings = (0..1000)
            .map(|second: u64| read(&mut clock, second * 1_000, i64::try_from(second).unwrap() * 4_000));
        assert!(readings.any(|reading| reading != Reading::Steady));
    }
}
