//! Paths: which raw paths are unambiguous, what a path pattern is, and when one pattern is within another.
//!
//! Segments are always compared with their escapes undone, so that `%3A` and `:` are always the same.
//! This module does not know where a path came from.

mod escape;
mod pattern;
mod raw;

pub use pattern::PathPattern;
pub use raw::RawPath;
