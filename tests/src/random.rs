//! Random numbers that can be had again: a run prints its seed, and `PORTCULLIS_SEED` sets it.

use std::time::SystemTime;

/// The SplitMix64 random number generator. The same seed gives the same numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with `PORTCULLIS_SEED`, otherwise with a seed of this run, and prints the seed.
    ///
    /// # Panics
    /// When `PORTCULLIS_SEED` is not a number.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment may set the seed; without it the time is one"
    )]
    pub fn of_this_run(test: &str) -> Random {
        let seed = std::env::var("PORTCULLIS_SEED").map_or_else(
            |_| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            |seed| seed.parse().expect("PORTCULLIS_SEED is a number"),
        );
        println!("{test}: PORTCULLIS_SEED={seed}");
        Random::new(seed)
    }

    /// Begins with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number from 0 up to but not including `end`.
    ///
    /// # Panics
    /// When `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("64 bits");
        usize::try_from(self.word() % end).expect("it is below a usize")
    }

    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
