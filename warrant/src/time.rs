//! Time as the crate knows it: a number that the caller hands in. No clock is read here.

/// Whole seconds since 1970, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(u64);

impl Seconds {
    /// A moment, `seconds` after the beginning of 1970 (UTC).
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The number of seconds since the beginning of 1970 (UTC).
    pub const fn get(self) -> u64 {
        self.0
    }

    /// This moment and `seconds` more; at the end of all time it stays there.
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}
