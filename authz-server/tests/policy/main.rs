//! Tests of `portcullis policy` with the real binary: the text and the JSON of every verb, its exit status,
//! and the guide, run as it is written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests may panic: that is how they fail; their own files need no durability"
)]

mod faults;
mod home;
mod page;
mod server;
mod signing;
mod verbs;
