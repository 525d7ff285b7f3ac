//! The governance statement: its texts and bytes, what a gate takes, and everything that it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::panic,
    reason = "tests may panic"
)]

mod common;
#[path = "statement/filter.rs"]
mod filter;
#[path = "statement/forms.rs"]
mod forms;
#[path = "statement/hostile.rs"]
mod hostile;
#[path = "statement/judging.rs"]
mod judging;
#[path = "statement/marks.rs"]
mod marks;
#[path = "statement/server.rs"]
mod server;
#[path = "statement/taking.rs"]
mod taking;
