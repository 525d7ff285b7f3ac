//! The command line as its users meet it: the real binary, what it prints, and its exit status.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests report by panicking; helpers are tests too"
)]

mod delegate;
mod desk;
mod inspect;
mod key;
mod mint;
mod usage;
mod verify;
