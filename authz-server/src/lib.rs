//! The court: the ext_authz server, its authority and its command line, in one binary.
//!
//! The modules stand in this order, and an import goes down the list, never up: `cli`, `server`, `edge`, `gateway`,
//! `outcomes`, `telemetry`, `recorder`, `record`, `facts`, `bundles`, `witnesses`, `config`, `keys`. `clock`, `fetch` and
//! `complaint` serve all of them. A test reads the imports and holds them to it.

pub mod bundles;
pub mod cli;
pub mod clock;
pub mod complaint;
pub mod config;
pub mod edge;
pub mod facts;
pub mod fetch;
pub mod gateway;
pub mod keys;
pub mod outcomes;
pub mod record;
pub mod recorder;
pub mod server;
pub mod telemetry;
pub mod witnesses;

// The fixtures of the crate `policy`, for unit tests here.
#[cfg(test)]
#[path = "../../policy/src/tests/permuted.rs"]
mod permuted;
#[cfg(test)]
#[path = "../../policy/src/tests/fixture.rs"]
#[expect(dead_code, reason = "the tests here use a part of it")]
mod policy_fixture;
