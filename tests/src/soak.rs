//! How long the long tests run: `./dev test` runs them shortened, and `./dev soak` whole.

/// How often a round is repeated: `PORTCULLIS_ROUNDS`, which `./dev soak` sets to 100 unless it is told another number. Once
/// without it.
///
/// # Panics
/// When `PORTCULLIS_ROUNDS` is not a number.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "./dev soak passes the number of rounds in the environment")]
pub fn rounds() -> u64 {
    std::env::var("PORTCULLIS_ROUNDS")
        .map_or(1, |rounds| rounds.parse().expect("PORTCULLIS_ROUNDS is a number"))
}
