//! JSON as a warrant allows it, read in place: no recursion, no escapes in names, integers only.
//!
//! There is no tree of values. Whoever reads an object names the members it knows, and the first one that it
//! does not know ends the reading: closed sets are the grammar. May not know what any member means.

mod distinct;
mod reader;
mod text;
pub(crate) mod writer;

pub(crate) use distinct::{Key, all_distinct};
pub(crate) use reader::Reader;
pub(crate) use text::Text;

/// Not of the required form; says what is wrong, never where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Puts `value` where nothing was yet; a second member of one name is a fault.
pub(crate) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Malformed> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed("a member occurs twice")),
    }
}

/// The value of a member that must be there.
pub(crate) fn required<T>(slot: Option<T>, missing: &'static str) -> Result<T, Malformed> {
    slot.ok_or(Malformed(missing))
}
