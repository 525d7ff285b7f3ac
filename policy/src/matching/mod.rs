//! Which route a request is for: patterns, and the order among those that match.

mod matcher;
mod pattern;

pub(crate) use matcher::Matcher;
pub(crate) use pattern::{Pattern, Step, is_name};
