//! Reading strings by a rule, and sets of them.

use super::read::Reading;
use crate::json::{Key, Malformed, Reader, Text, all_distinct};

type Read<T> = Result<T, Malformed>;

/// A string that keeps `rule`.
pub(super) fn text<'a>(
    reader: &mut Reader<'a>,
    rule: fn(&str) -> bool,
    fault: &'static str,
) -> Read<Text<'a>> {
    let text = reader.string()?;
    if text.with(rule) == Some(true) { Ok(text) } else { Err(Malformed(fault)) }
}

/// A non-empty array of different strings that each keep `rule`.
pub(super) fn set(
    reader: &mut Reader<'_>,
    reading: Reading,
    rule: fn(&str) -> bool,
    fault: &'static str,
) -> Read<Vec<Box<str>>> {
    let start = *reader;
    let mut kept = Vec::new();
    let count = reader.array(|r| {
        let element = text(r, rule, fault)?;
        reading.keep(&mut kept, || element.to_box());
        Ok(())
    })?;
    filled(count)?;
    all_distinct(start, count, Key::string)?;
    Ok(kept)
}

/// Every array is non-empty, and every object but `env`.
pub(super) fn filled(count: usize) -> Read<()> {
    if count == 0 { Err(Malformed("an empty array or object")) } else { Ok(()) }
}
