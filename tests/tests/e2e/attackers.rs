//! Attackers, each in a test of its own. What a thief of warrants, certificates and proofs can try is in `warrants.rs`,
//! `client_certificates.rs` and `proxies_over_tls.rs`; a delayed `resume` is in `operators.rs`, a wrong clock in
//! `wrong_clock.rs`, and those who bring false statements are in `attested.rs`.

mod api;
mod callers;
mod console_pages;
mod document;
mod every_call;
mod floods;
mod roots;
mod slow_calls;
