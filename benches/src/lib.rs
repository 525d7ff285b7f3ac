//! Compares what a request costs in Envoy alone, with what a user would pick instead of Portcullis, and with Portcullis, in
//! one run on one machine. Only the ratios are valid elsewhere; the microseconds belong to this machine.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints its results, and panics when something unexpected happens"
)]

pub mod contender;
pub mod decisions;
pub mod direct;
pub mod load;
pub mod overload;
pub mod table;
