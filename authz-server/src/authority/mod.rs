//! The authority: who may ask this server for what, and what it signs for others.
//!
//! It takes bytes, identities and the time, and gives typed values; only the recorder of facts writes. It knows no listener.

pub mod api;
pub mod callers;
mod fact_recorder;
pub mod governance;
pub mod issuing;
mod json;
pub mod problem;
mod rates;
pub mod reading;
pub mod receipts;
pub mod signable;
pub mod statements;
pub mod tokens;
mod turns;

pub use fact_recorder::FactRecorder;
