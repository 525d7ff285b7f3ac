//! The authority: who may ask this server for what, and what it signs for others.
//!
//! It takes bytes, identities and the time, and gives typed values. It knows no listener, no ledger and no request
//! path: the server connects them.

pub mod api;
pub mod callers;
mod json;
pub mod problem;
pub mod receipts;
pub mod statements;
