//! Paths: what an unambiguous raw path is, what a pattern is, and when one lies within another.
//!
//! Everything compares segments with their escapes undone, so that `%3A` and `:` can never be two things.
//! May not know where a path came from.

mod escape;
mod pattern;
mod raw;

pub use pattern::PathPattern;
pub use raw::RawPath;
