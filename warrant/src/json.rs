//! JSON as a warrant allows it, read in place: no recursion, no escapes in names, integers only.
//!
//! There is no tree of values. The reader of an object names the members that it knows, and the first member that it
//! does not know is an error: every object is a closed set. This module does not know what any member
//! means.

mod distinct;
mod reader;
mod string;
pub(crate) mod writer;

pub(crate) use distinct::{Scalar, check_distinct};
pub(crate) use reader::JsonReader;
pub(crate) use string::JsonString;

/// The text is not of the required form. Says what is wrong, never where the text came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// A value, or what is wrong with the text that it was read from.
pub(crate) type Parsed<T> = Result<T, Malformed>;

/// Fills `slot`, which must be empty: a second member of the same name is a fault.
pub(crate) fn set_once<T>(slot: &mut Option<T>, value: T) -> Parsed<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed("a member occurs twice")),
    }
}

/// Reads a string for which `has_form` is true.
pub(crate) fn text<'a>(
    reader: &mut JsonReader<'a>,
    has_form: fn(&str) -> bool,
    fault: &'static str,
) -> Parsed<JsonString<'a>> {
    let text = reader.string()?;
    if text.with(has_form) == Some(true) { Ok(text) } else { Err(Malformed(fault)) }
}

/// The value of a member that must be present.
pub(crate) fn required<T>(slot: Option<T>, missing: &'static str) -> Parsed<T> {
    slot.ok_or(Malformed(missing))
}
