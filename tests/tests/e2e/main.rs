//! End to end: everything here goes through the real Envoy, the real server and the real gate.
//! One program, so that its tests run side by side.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests report by panicking; helpers are tests too"
)]

mod bundles;
mod compose;
mod explained;
mod faults;
mod ledger_audit;
mod ledger_faults;
mod ledger_guide;
mod ledger_http;
mod ledger_kill;
mod outcomes;
mod readme;
mod rooms_alone;
mod server_gone;
mod shipped;
mod sizes;
mod starting;
mod warrants;
mod witnesses;
