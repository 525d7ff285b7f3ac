//! Compares what a request costs in Envoy alone, with what a user would pick instead of Portcullis, and with Portcullis, in
//! one run on one machine. Only the ratios are valid elsewhere; the microseconds belong to this machine.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "a bench prints its results, and panics when something unexpected happens"
)]

pub mod charts;
pub mod contenders;
pub mod cores;
pub mod cpu_time;
pub mod curves;
pub mod decisions;
pub mod direct;
pub mod issuing;
pub mod ledger_speed;
pub mod load;
pub mod machine;
pub mod measuring;
pub mod options;
pub mod overload;
pub mod promises;
pub mod report;
pub mod results;
pub mod side_by_side;
pub mod statistics;
pub mod yardsticks;
