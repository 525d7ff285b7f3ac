//! The harness: a world made of the real Envoy, the real `portcullis`, the real gate module and an upstream that
//! remembers what reached it. Everything listens on free ports and keeps its files in a directory of its own, so worlds
//! run side by side. Nothing here sleeps for a fixed time, retries, or knows what a policy says.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a harness reports by panicking, and its logs are for people"
)]

pub mod again;
pub mod agent;
pub mod child;
pub mod client;
pub mod command;
pub mod compose;
pub mod condition;
pub mod court;
pub mod envoy;
pub mod fake;
pub mod keys;
pub mod press;
pub mod programs;
pub mod record;
pub mod shipped;
pub mod site;
pub mod upstream;
pub mod witness;
pub mod world;
