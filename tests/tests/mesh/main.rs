//! Tests on real control planes, and with the installed product: `./dev mesh` runs them. They need root, and what `./dev peers` builds.
//! They are one program. Each has a mesh of its own, and a mesh takes most of a small machine, so they run one after another.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test and its helpers fail by panicking"
)]

mod denials;
mod envoy_gateway;
mod gateways;
mod guides;
mod istio;
mod operator;
mod outside;
mod rollout;
mod rotation;
mod shop;
mod traps;
mod watch;
