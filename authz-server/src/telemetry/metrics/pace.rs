//! How fast the ledger grows, over the last minute: a burst shows at once and is soon forgotten. It reads no clock.

use std::collections::VecDeque;

/// The window, in milliseconds.
const WINDOW: u64 = 60_000;
/// Bytes that an entry takes on disk in addition to its own: its length in the entry bundle and its hash in a tile.
const OVERHEAD: u64 = 2 + 32;

/// The sizes of the last minute, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Pace(VecDeque<Seen>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    time: u64,
    entries: u64,
    bytes: u64,
}

impl Pace {
    /// Notes the number of entries at this time (in milliseconds), and the bytes written since the ledger was opened.
    pub fn note(&mut self, time: u64, entries: u64, bytes: u64) {
        self.0.push_back(Seen { time, entries, bytes });
        // One sample from before the window stays, so that a whole window is always covered.
        while self.0.get(1).is_some_and(|second| second.time.saturating_add(WINDOW) <= time) {
            self.0.pop_front();
        }
    }

    pub fn entries_a_second(&self) -> u64 {
        self.rate(|seen| seen.entries)
    }

    /// How much disk space is used up for good; the write-ahead log's own space is freed again.
    pub fn bytes_a_second(&self) -> u64 {
        self.rate(|seen| seen.bytes.saturating_add(seen.entries.saturating_mul(OVERHEAD)))
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
    fn only_the_last_minute_counts() {
        let mut pace = Pace::default();
        assert_eq!((pace.entries_a_second(), pace.bytes_a_second()), (0, 0));
        pace.note(0, 100, 0);
        assert_eq!(pace.entries_a_second(), 0, "one sample gives no rate");
        pace.note(10_000, 1_100, 500_000);
        assert_eq!(pace.entries_a_second(), 100);
        assert_eq!(pace.bytes_a_second(), 50_000 + 100 * 34);
        for second in 11..=80 {
            pace.note(second * 1000, 1_100, 500_000);
        }
        assert_eq!((pace.entries_a_second(), pace.bytes_a_second()), (0, 0), "the burst is over");
    }
}
