//! The policies of `operators.cedar`: who may call the API, and what for.
//!
//! They are bounded, validated and answered like those of a route. Their schema is one for all, and has no warrant.

mod compile;
mod decide;
mod schema;

pub(crate) use compile::{OperatorNames, compile_operators};
pub(crate) use decide::OperatorSlice;
pub use decide::Operators;
