//! Path patterns, and which of those that match a request is the most specific.

mod broken_rule;
mod matcher;
mod pattern;

pub(crate) use broken_rule::BrokenRule;
pub(crate) use matcher::Matcher;
pub(crate) use pattern::{Pattern, Step, is_name};
