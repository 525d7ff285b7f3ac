//! Time as a number that the caller passes in. No clock is read here.

/// A time in whole seconds since 1970, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(u64);

impl Seconds {
    /// The time `seconds` after the start of 1970 (UTC).
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The number of seconds since the start of 1970 (UTC).
    pub const fn get(self) -> u64 {
        self.0
    }

    /// `seconds` later. Stops at the largest time.
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}
