//! What an agent developer reads is what works: the Python of `docs/agents.md`, on a stock JOSE library, against the real
//! binary and the real Envoy. The library knows nothing of warrants, so each side checks the other.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests report by panicking; helpers are tests too"
)]

mod guide;
mod house;
mod ours;
mod peer;
mod theirs;
mod through_envoy;
