//! The operator: routes that are objects of Kubernetes become signed routes over a base that was signed offline.
//!
//! What decides is pure: `settle` says what can be built, `quota` how much it may be, `check` what could be, `state` and `signing` what is signed, `pace` how
//! often, `brake` what stays after an accident, `conditions` and `servers` what is told.
//! `cluster` speaks with the Kubernetes API, `base` reads the base, `served` and `webhook` answer, and `run` brings them together.

pub mod base;
pub mod brake;
pub mod check;
pub mod cluster;
pub mod conditions;
pub mod config;
pub mod gather;
pub mod objects;
pub mod pace;
pub mod quota;
pub mod run;
pub mod served;
pub mod servers;
pub mod settle;
pub mod signing;
pub mod state;
pub mod telemetry;
#[cfg(test)]
mod tests;
pub mod unsigned;
pub mod verdict;
pub mod webhook;

pub use config::{Config, load};
pub use run::{OperatorError, run};
