//! End-to-end tests through the real Envoy, the real server and the real gate. They are one program, so that they run side
//! by side.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test and its helpers fail by panicking"
)]

mod attackers;
mod attested;
mod bodies;
mod broken_upstreams;
mod bundles;
mod client_certificates;
mod compose;
mod crowds;
mod denials;
mod examples;
mod explain_recorded;
mod fair_admission;
mod faults;
mod gate_or_server_alone;
mod governance;
mod issuing;
mod key_rotation;
mod ledger_audit;
mod ledger_evidence;
mod ledger_faults;
mod ledger_guide;
mod ledger_http;
mod ledger_kill;
mod limited_uses;
mod live_forwards;
mod monitoring;
mod no_statement;
mod operations;
mod operators;
mod outcomes;
mod proxies_over_tls;
mod raw_requests;
mod reading;
mod readme;
mod receipts;
mod remote_signer;
mod resource_metadata;
mod seal;
mod server_restarts;
mod sizes;
mod slow_disk;
mod starting;
mod statements;
mod waiting;
mod warrants;
mod witnesses;
mod wrong_clock;
