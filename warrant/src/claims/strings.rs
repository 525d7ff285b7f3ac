//! Reads sets of strings that must have a given form.

use super::read::ReadMode;
use crate::json::{JsonReader, Malformed, Parsed, Scalar, check_distinct, text};

/// Reads a non-empty array of different strings. `has_form` is true for each of them.
pub(super) fn set(
    reader: &mut JsonReader<'_>,
    mode: ReadMode,
    has_form: fn(&str) -> bool,
    fault: &'static str,
) -> Parsed<Vec<Box<str>>> {
    let start = *reader;
    let mut kept = Vec::new();
    let count = reader.array(|r| {
        let element = text(r, has_form, fault)?;
        mode.keep(&mut kept, || element.to_box());
        Ok(())
    })?;
    check_not_empty(count)?;
    check_distinct(start, count, Scalar::string)?;
    Ok(kept)
}

/// Checks that an array or object has a member. Only `env` may be empty.
pub(super) fn check_not_empty(count: usize) -> Parsed<()> {
    if count == 0 { Err(Malformed("an empty array or object")) } else { Ok(()) }
}
