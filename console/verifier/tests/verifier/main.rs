//! What a person is told about a proof or two checkpoints. Every question is asked natively and of the Wasm module that
//! browsers get, and both must give the same answer.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests may panic: that is how they fail"
)]

mod browser;
mod changed_bytes;
mod checkpoints;
mod example;
mod module;
mod proofs;
mod words;
