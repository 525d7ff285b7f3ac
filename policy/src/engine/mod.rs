//! The policy language: what decides, once everything that a route requires has held.
//!
//! Cedar does the deciding. Around it stands what it lacks for us: bounds on a text before its parser sees it, threads whose stack
//! we made, one schema a route, one slice of policies a route, names for policies, and a refusal on any error of evaluation.

mod ask;
mod bounds;
mod check;
mod compile;
mod context;
mod decide;
mod est;
mod explain;
mod fit;
mod lex;
mod names;
mod policies;
#[cfg(test)]
mod properties;
mod schema;
mod slice;
mod stack;

pub use ask::{Asked, Attribution, Lineage, Principal, Starter};
pub(crate) use check::Report;
pub(crate) use compile::{Compiled, Uncompiled, compile};
pub(crate) use decide::decide;
pub use decide::{Decided, Refused};
pub use explain::Nearest;
pub(crate) use explain::nearest;
pub(crate) use schema::Shape;
pub(crate) use slice::Slice;
pub use stack::{STACK, on_a_deep_stack, this_thread_is_deep};
