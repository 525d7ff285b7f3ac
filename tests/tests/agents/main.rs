//! Tests of `docs/agents.md` and of the receipts in `docs/api.md`: their Python code, with a stock JOSE library, against the
//! real binary and the real Envoy. The library knows nothing about warrants, so each side checks the other.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test and its helpers fail by panicking"
)]

mod guide;
mod key_directory;
mod peer;
mod portcullis_to_python;
mod python_to_portcullis;
mod receipts;
mod through_envoy;
mod token_exchange;
