//! Whether the elements of an array, or the names of an object, are all different.
//!
//! A hostile link can hold hundreds of them, so comparing each with each would cost more than its signature. Few are
//! compared in pairs; many go through a table of hashes; and since there is no randomness here, and so collisions can be
//! made on purpose, a table that gets crowded gives way to sorting. All of it on the stack.

use std::cmp::Ordering;

use super::{Malformed, Reader, Text};
use crate::limits::MAX_ELEMENTS;

/// Up to here pairs are cheaper than sorting.
const FEW: usize = 8;
/// More than there can be elements, and a power of two.
const SLOTS: usize = 1024;
const _: () = assert!(SLOTS > MAX_ELEMENTS && SLOTS.is_power_of_two());

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
    // Each slot names the place of a key in the text; 0 is the end of the text, where no key stands.
    let mut slots = [0_u16; SLOTS];
    let mut patience = count.saturating_mul(4);
    let mut reader = start;
    reader.enter();
    for _ in 0..count {
        let place = reader.place();
        let key = read(&mut reader)?;
        reader.more();
        let mut slot = usize::try_from(key.hash()).unwrap_or_default() % SLOTS;
        while let Some(other) = slots.get(slot).copied().filter(|place| *place != 0) {
            if key.compare(read(&mut start.at(usize::from(other)))?).is_eq() {
                return Ok(false);
            }
            patience = match patience.checked_sub(1) {
                Some(left) => left,
                None => return sorted_distinct(start, count, read),
            };
            slot = slot.wrapping_add(1) % SLOTS;
        }
        let place = u16::try_from(place).map_err(|_| Malformed("a text that is too long"))?;
        *slots.get_mut(slot).ok_or(Malformed("too many elements"))? = place;
    }
    Ok(true)
}

#[cold]
#[inline(never)]
fn sorted_distinct<'a>(
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
        let name = Text::plain(reader.name()?);
        reader.skip_value()?;
        Ok(Key::Text(name))
    }

    fn hash(self) -> u32 {
        match self {
            Key::Text(text) => text.hash(),
            Key::Integer(number) => {
                // The low half of a product mixes only upwards; the high half is what every digit reaches.
                let mixed = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
                u32::try_from(mixed >> 32).unwrap_or_default()
            }
            Key::Boolean(flag) => u32::from(flag),
        }
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
    fn a_table_that_is_filled_on_purpose_gives_way_to_sorting() {
        let of_one_slot = |n: &u32| Text::plain(&n.to_string()).hash() % 1024 == 7;
        let mut all: Vec<_> = (0..).filter(of_one_slot).take(100).map(|n| format!("\"{n}\"")).collect();
        assert!(distinct(&format!("[{}]", all.join(",")), 100));
        all[99] = all[0].clone();
        assert!(!distinct(&format!("[{}]", all.join(",")), 100));
    }

    #[test]
    fn names_of_objects_too() {
        let start = |text: &'static str| Reader::new(text.as_bytes()).unwrap();
        assert!(all_distinct(start(r#"{"a":{"x":[1]},"b":2}"#), 2, Key::name).is_ok());
        assert!(all_distinct(start(r#"{"a":{"b":1},"a":2}"#), 2, Key::name).is_err());
    }
}
