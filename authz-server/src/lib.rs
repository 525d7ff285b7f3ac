//! The server: Envoy's external authorization service, its authority and the command line, in one binary.
//!
//! The modules have this order, and imports only go down the list: `cli`, `operator`, `server`, `edge`, `gateway`, `authority`,
//! `outcomes`, `telemetry`, `recorder`, `record`, `history`, `facts`, `bundles`, `witnesses`, `config`, `keys`. `clock`, `fetch`,
//! `complaint` and `schema` serve all of them. A test checks the imports.

pub mod authority;
pub mod bundles;
pub mod cli;
pub mod clock;
pub mod complaint;
pub mod config;
pub mod console;
pub mod edge;
pub mod facts;
pub mod fetch;
pub mod gateway;
pub mod history;
pub mod keys;
pub mod operator;
pub mod outcomes;
pub mod record;
pub mod recorder;
pub mod schema;
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

#[cfg(test)]
mod made_page;

// The decision that ledger tests start from.
#[cfg(test)]
use ledger::entry;
#[cfg(test)]
#[path = "../../ledger/tests/common/decision.rs"]
mod example_decision;
