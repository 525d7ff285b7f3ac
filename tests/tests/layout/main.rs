//! The layout of the sources is what ARCHITECTURE.md says: the table of modules is made from the headers of the files, and
//! imports go down the order of the modules, never up.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests may panic: that is how they fail"
)]

mod dependencies;
mod imports;
mod modules;
mod sources;
