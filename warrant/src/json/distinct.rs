//! Whether the elements of an array, or the names of an object, are all different.
//!
//! A hostile link can hold hundreds of them, so comparing each with each would cost more than its signature;
//! and a hash table without randomness can be filled with collisions on purpose. Few are compared in pairs,
//! many are sorted, on the stack.

use std::cmp::Ordering;

use super::{Malformed, Reader, Text};
use crate::limits::MAX_ELEMENTS;

/// Up to here pairs are cheaper than sorting.
const FEW: usize = 8;

/// What must be different.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key<'a> {
    Text(Text<'a>),
    Integer(i64),
    Boolean(bool),
}

/// Reads the `count` keys of the container that `start` stands before, once more, with `read`.
pub(crate) fn all_distinct<'a>(
    start: Reader<'a>,
    count: usize,
    read: impl Fn(&mut Reader<'a>) -> Result<Key<'a>, Malformed>,
) -> Result<(), Malformed> {
    const TWICE: Malformed = Malformed("an element or a name occurs twice");
    if count < 2 {
        return Ok(());
    }
    let mut room_for_few = [Key::Boolean(false); FEW];
    if let Some(few) = room_for_few.get_mut(..count) {
        fill(start, few, read)?;
        let mut seen = &*few;
        while let [first, rest @ ..] = seen {
            if rest.iter().any(|other| first.compare(*other).is_eq()) {
                return Err(TWICE);
            }
            seen = rest;
        }
        return Ok(());
    }
    if many_distinct(start, count, read)? { Ok(()) } else { Err(TWICE) }
}

/// Apart from the rest, so that only links that need it pay for its room on the stack.
#[cold]
#[inline(never)]
fn many_distinct<'a>(
    start: Reader<'a>,
    count: usize,
    read: impl Fn(&mut Reader<'a>) -> Result<Key<'a>, Malformed>,
) -> Result<bool, Malformed> {
    let mut room = [Key::Boolean(false); MAX_ELEMENTS];
    let many = room.get_mut(..count).ok_or(Malformed("too many elements"))?;
    fill(start, many, read)?;
    many.sort_unstable_by(|one, two| one.compare(*two));
    Ok(many.iter().zip(many.iter().skip(1)).all(|(one, two)| one.compare(*two).is_ne()))
}

fn fill<'a>(
    mut reader: Reader<'a>,
    keys: &mut [Key<'a>],
    read: impl Fn(&mut Reader<'a>) -> Result<Key<'a>, Malformed>,
) -> Result<(), Malformed> {
    reader.enter();
    for key in keys {
        *key = read(&mut reader)?;
        reader.more();
    }
    Ok(())
}

impl<'a> Key<'a> {
    /// Reads an array's element: a string.
    pub(crate) fn string(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        reader.string().map(Key::Text)
    }

    /// Reads an array's element: a string, an integer or a boolean.
    pub(crate) fn scalar(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        match reader.peek() {
            Some(b'"') => reader.string().map(Key::Text),
            Some(b't' | b'f') => reader.boolean().map(Key::Boolean),
            _ => reader.integer().map(Key::Integer),
        }
    }

    /// Reads a member's name and steps over its value.
    pub(crate) fn name(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let text = Text::new(reader.name()?).ok_or(Malformed("a name with escapes"))?;
        reader.skip_value()?;
        Ok(Key::Text(text))
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Key::Text(one), Key::Text(two)) => one.compare(two),
            (Key::Integer(one), Key::Integer(two)) => one.cmp(&two),
            (Key::Boolean(one), Key::Boolean(two)) => one.cmp(&two),
            (Key::Text(_), _) | (Key::Integer(_), Key::Boolean(_)) => Ordering::Less,
            (Key::Integer(_) | Key::Boolean(_), _) => Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distinct(text: &str, count: usize) -> bool {
        all_distinct(Reader::new(text.as_bytes()).unwrap(), count, Key::scalar).is_ok()
    }

    #[test]
    fn few_and_many_alike() {
        assert!(distinct(r#"["a","b","1",1,true,false]"#, 6));
        assert!(!distinct(r#"["a","b","a"]"#, 3));
        assert!(!distinct(r#"["a","\u0061"]"#, 2), "the same text, written otherwise");
        assert!(!distinct("[true,true]", 2));
        for count in [8, 9, 300] {
            let all: Vec<_> = (0..count).map(|n| n.to_string()).collect();
            assert!(distinct(&format!("[{}]", all.join(",")), count));
            let mut twice = all.clone();
            twice[count - 1] = twice[count / 2].clone();
            assert!(!distinct(&format!("[{}]", twice.join(",")), count), "{count}");
        }
    }

    #[test]
    fn names_of_objects_too() {
        let start = |text: &'static str| Reader::new(text.as_bytes()).unwrap();
        assert!(all_distinct(start(r#"{"a":{"x":[1]},"b":2}"#), 2, Key::name).is_ok());
        assert!(all_distinct(start(r#"{"a":{"b":1},"a":2}"#), 2, Key::name).is_err());
    }
}
