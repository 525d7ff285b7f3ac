//! `portcullis policy`, the real binary: every verb, what it prints for people and for machines, its exit status; and the page that
//! teaches it, run as it stands.

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
mod house;
mod page;
mod server;
mod signing;
mod verbs;
