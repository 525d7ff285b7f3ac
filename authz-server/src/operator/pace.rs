//! How often routes are signed. Each signature makes every server take a new bundle and keep a copy of it, so a user who may
//! write one object must not be able to cause a signature every second for a whole day. The time is given: it is pure.

use std::time::{Duration, Instant};

/// Between two signatures there is at least this time. So no version runs ahead of the clock either: a version is at least the time in
/// seconds.
const GAP: Duration = Duration::from_secs(2);
/// Over a long time there is one signature in this time.
const EACH: Duration = Duration::from_secs(60);
/// So many signatures may come early, before only one in each such time is left. It grows again with time.
const EARLY: u32 = 15;

/// When something was signed, as far as the next signature depends on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    last: Option<Instant>,
    /// When all that was signed is paid for.
    paid: Option<Instant>,
}

impl Pace {
    /// Whether something may be signed now. The first change after a quiet time always may, at once.
    pub fn allows(&self, now: Instant) -> bool {
        let is_too_soon = self.last.is_some_and(|last| now.saturating_duration_since(last) < GAP);
        let debt = self.paid.map_or(Duration::ZERO, |paid| paid.saturating_duration_since(now));
        !is_too_soon && debt <= EACH.saturating_mul(EARLY.saturating_sub(1))
    }

    pub fn note(&mut self, now: Instant) {
        self.last = Some(now);
        let from = self.paid.map_or(now, |paid| paid.max(now));
        self.paid = from.checked_add(EACH).or(self.paid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_signed_soon_and_a_flood_once_a_minute() {
        let (begin, mut pace) = (Instant::now(), Pace::default());
        let mut signed: Vec<u64> = Vec::new();
        // Something changes ten times a second, for one day.
        for tenth in 0..864_000_u64 {
            let now = begin + Duration::from_millis(tenth * 100);
            if pace.allows(now) {
                pace.note(now);
                signed.push(tenth / 10);
            }
        }
        assert_eq!(&signed[..4], [0, 2, 4, 6], "the first at once, and the next within 5 s");
        assert!(signed.len() <= 1440 + 15, "{}", signed.len());
        // After a quiet quarter of an hour, a burst is signed soon again.
        let later = begin + Duration::from_secs(86_400 + 15 * 60);
        for number in 0..15 {
            let now = later + Duration::from_secs(2 * number);
            assert!(pace.allows(now), "{number}");
            pace.note(now);
            assert!(!pace.allows(now + Duration::from_millis(1900)));
        }
    }
}
