//! The policy language: Cedar decides here, after all requirements of a route hold.
//!
//! Around Cedar we add what it lacks: bounds on a text before its parser sees it, threads with a stack of
//! known size, one schema and one slice of policies for each route, names for policies, and a denial on any
//! error of evaluation.

mod ask;
mod assumed;
mod bounds;
mod check;
mod compile;
mod context;
mod decide;
mod est;
mod explain;
mod fit;
mod issuance;
mod lex;
mod message;
mod names;
mod operators;
mod policies;
#[cfg(test)]
mod properties;
mod schema;
mod slice;
mod stack;
mod uncompiled;

pub use ask::{Lineage, PolicyQuery, Principal};
pub(crate) use check::Findings;
pub(crate) use compile::{Compiled, compile};
pub(crate) use decide::decide;
pub use decide::{NotPermitted, Permitted};
pub use explain::Nearest;
pub(crate) use explain::nearest;
pub use issuance::{Issuance, PermittedGrant};
pub(crate) use issuance::{IssuanceNames, IssuanceSlice, compile_issuance};
pub use operators::Operators;
pub(crate) use operators::{OperatorNames, OperatorSlice, compile_operators};
pub(crate) use schema::{Own, Shape};
pub(crate) use slice::Slice;
pub use stack::{STACK, mark_this_thread_deep, on_a_deep_stack};
pub(crate) use uncompiled::{MeshText, Uncompiled};
