//! The court: what decides.

pub mod policy;
