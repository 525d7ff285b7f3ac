//! How fast the ledger grows: over the last minute, so that a burst neither hides nor stays. Pure: time is handed in.

use std::collections::VecDeque;

/// How far back is looked, in milliseconds.
const WINDOW: u64 = 60_000;
/// What an entry takes on disk beside its own bytes: its length in the bundle, and its hash in a tile.
const BESIDE: u64 = 2 + 32;

/// Sizes seen lately, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Pace(VecDeque<Seen>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    time: u64,
    entries: u64,
    bytes: u64,
}

impl Pace {
    /// At this time, in milliseconds, there were so many entries, and this opening had written so many bytes of them.
    pub fn note(&mut self, time: u64, entries: u64, bytes: u64) {
        self.0.push_back(Seen { time, entries, bytes });
        // One from before the window stays, so that there is always a whole one to look back on.
        while self.0.get(1).is_some_and(|second| second.time.saturating_add(WINDOW) <= time) {
            self.0.pop_front();
        }
    }

    pub fn entries_a_second(&self) -> u64 {
        self.rate(|seen| seen.entries)
    }

    /// What goes from the disk for good; the write-ahead log's own room is given back.
    pub fn bytes_a_second(&self) -> u64 {
        self.rate(|seen| seen.bytes.saturating_add(seen.entries.saturating_mul(BESIDE)))
    }

    fn rate(&self, of: impl Fn(&Seen) -> u64) -> u64 {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else { return 0 };
        let grown = of(last).saturating_sub(of(first)).saturating_mul(1000);
        grown.checked_div(last.time.saturating_sub(first.time)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_last_minute_that_counts() {
        let mut pace = Pace::default();
        assert_eq!((pace.entries_a_second(), pace.bytes_a_second()), (0, 0));
        pace.note(0, 100, 0);
        assert_eq!(pace.entries_a_second(), 0, "one look tells nothing");
        pace.note(10_000, 1_100, 500_000);
        assert_eq!(pace.entries_a_second(), 100);
        assert_eq!(pace.bytes_a_second(), 50_000 + 100 * 34);
        for second in 11..=80 {
            pace.note(second * 1000, 1_100, 500_000);
        }
        assert_eq!((pace.entries_a_second(), pace.bytes_a_second()), (0, 0), "the burst is over");
    }
}
