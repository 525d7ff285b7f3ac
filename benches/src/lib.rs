//! Side by side, in one run on one machine: what a request costs with nothing in its way, with what a user would pick
//! instead, and with us. Only the ratios travel; the microseconds belong to the machine that printed them.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measuring program: it reports by printing, and stops at the first thing that is not as it should be"
)]

pub mod contender;
pub mod load;
pub mod table;
