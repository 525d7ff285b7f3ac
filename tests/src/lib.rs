//! The harness runs the real Envoy, the real `portcullis`, the real gate module and an upstream that remembers what reached
//! it. Everything listens on free ports and keeps its files in a directory of its own, so tests run side by side. Nothing
//! here sleeps for a fixed time, retries, or knows what a policy says.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the harness fails a test by panicking, and prints logs for people"
)]

pub mod agent;
pub mod api_document;
pub mod attestor;
pub mod authority;
pub mod certificates;
pub mod client;
pub mod command;
pub mod compose;
pub mod condition;
pub mod direct_check;
pub mod endless;
pub mod envoy;
pub mod external_system;
pub mod fake_server;
pub mod filter_files;
pub mod guide;
pub mod history;
pub mod keys;
pub mod ledger_auditor;
pub mod mesh;
pub mod offline_ledger;
pub mod operator;
pub mod preloaded_faults;
pub mod process;
pub mod programs;
pub mod python_witness;
pub mod random;
pub mod raw;
pub mod raw_h2;
pub mod raw_upstream;
pub mod receipts;
pub mod replay_check;
pub mod server;
pub mod shipped;
pub mod signed_bundles;
pub mod soak;
pub mod statement_poller;
pub mod statement_relay;
pub mod stream_kinds;
pub mod tls_client;
pub mod upstream;
pub mod web_server;
pub mod world;

// The decision that ledger tests start from.
use ledger::entry;
#[path = "../../ledger/tests/common/decision.rs"]
mod example_decision;
