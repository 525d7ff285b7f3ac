//! Tests of the command line: what the real binary prints, and its exit status.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test and its helpers fail by panicking"
)]

mod delegate;
mod inspect;
mod key;
mod kubernetes;
mod mint;
mod receipt;
mod usage;
mod verify;
mod workdir;
