//! Checks that the elements of an array, or the names in an object, are all different.
//!
//! A hostile link can hold hundreds of them, and comparing each with each would cost more than checking its signature.
//! So a few are compared in pairs, and many go through a hash table. There is no randomness here, so an attacker can
//! choose elements that collide: when the table has too many collisions, the elements are sorted instead. Everything
//! is on the stack.

use std::cmp::Ordering;

use super::{JsonReader, JsonString, Malformed, Parsed};
use crate::{
    limits::MAX_ELEMENTS,
    sorted::{Pair, sort},
};

/// Up to this many elements, comparing pairs is cheaper than sorting.
const FEW: usize = 8;
/// A power of two, and more than the elements that a segment can hold.
const SLOTS: usize = 1024;
const _: () = assert!(SLOTS > MAX_ELEMENTS && SLOTS.is_power_of_two());

/// One element of an array, or one name in an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar<'a> {
    Text(JsonString<'a>),
    Integer(i64),
    Boolean(bool),
}

/// How an element is read, for the rare and slow path: so a module has one copy of that code, and not one for each kind of element.
type ReadScalar<'f, 'a> = &'f dyn Fn(&mut JsonReader<'a>) -> Parsed<Scalar<'a>>;

/// Reads the `count` elements of the array or object at `start` a second time, each with `read`.
pub(crate) fn check_distinct<'a>(
    start: JsonReader<'a>,
    count: usize,
    read: impl Fn(&mut JsonReader<'a>) -> Parsed<Scalar<'a>>,
) -> Parsed<()> {
    const TWICE: Malformed = Malformed("an element or a name occurs twice");
    if count < 2 {
        return Ok(());
    }
    let mut buffer = [Scalar::Boolean(false); FEW];
    if let Some(few) = buffer.get_mut(..count) {
        fill(start, few, read)?;
        let mut left = &*few;
        while let [first, rest @ ..] = left {
            if rest.iter().any(|other| first.compare(*other).is_eq()) {
                return Err(TWICE);
            }
            left = rest;
        }
        return Ok(());
    }
    if are_distinct_by_hashing(start, count, &read)? { Ok(()) } else { Err(TWICE) }
}

/// A function of its own, so that only links that need the table pay for its stack space.
#[cold]
#[inline(never)]
fn are_distinct_by_hashing<'a>(
    start: JsonReader<'a>,
    count: usize,
    read: ReadScalar<'_, 'a>,
) -> Parsed<bool> {
    // Each slot holds the position of an element in the text. 0 means empty: it is the end of the text, where no
    // element starts.
    let mut slots = [0_u16; SLOTS];
    let mut collisions_left = count.saturating_mul(4);
    let mut reader = start;
    reader.enter();
    for _ in 0..count {
        let position = reader.position();
        let element = read(&mut reader)?;
        reader.skip_comma();
        let mut slot = usize::try_from(element.hash()).unwrap_or_default() % SLOTS;
        while let Some(other) = slots.get(slot).copied().filter(|position| *position != 0) {
            if element.compare(read(&mut start.at(usize::from(other)))?).is_eq() {
                return Ok(false);
            }
            collisions_left = match collisions_left.checked_sub(1) {
                Some(left) => left,
                None => return are_distinct_by_sorting(start, count, read),
            };
            slot = slot.wrapping_add(1) % SLOTS;
        }
        let position = u16::try_from(position).map_err(|_| Malformed("a text that is too long"))?;
        *slots.get_mut(slot).ok_or(Malformed("too many elements"))? = position;
    }
    Ok(true)
}

#[cold]
#[inline(never)]
fn are_distinct_by_sorting<'a>(
    start: JsonReader<'a>,
    count: usize,
    read: ReadScalar<'_, 'a>,
) -> Parsed<bool> {
    let mut buffer = [Scalar::Boolean(false); MAX_ELEMENTS];
    let many = buffer.get_mut(..count).ok_or(Malformed("too many elements"))?;
    fill(start, many, read)?;
    Ok(are_distinct(many))
}

/// Sorts places, and not the elements: so there is only one copy of the sorting code in a module.
fn are_distinct(elements: &[Scalar<'_>]) -> bool {
    let mut buffer = [const { Pair(0, 0) }; MAX_ELEMENTS];
    for (pair, place) in buffer.iter_mut().zip(0..elements.len()) {
        *pair = Pair(place, 0);
    }
    let compare = |Pair(one, _): &Pair, Pair(two, _): &Pair| {
        let (one, two) = (elements.get(*one).copied(), elements.get(*two).copied());
        one.zip(two).map_or(Ordering::Equal, |(one, two)| one.compare(two))
    };
    let Some(places) = buffer.get_mut(..elements.len()) else { return false };
    sort(places, &compare);
    places.is_sorted_by(|one, two| compare(one, two).is_lt())
}

fn fill<'a>(
    mut reader: JsonReader<'a>,
    elements: &mut [Scalar<'a>],
    read: impl Fn(&mut JsonReader<'a>) -> Parsed<Scalar<'a>>,
) -> Parsed<()> {
    reader.enter();
    for element in elements {
        *element = read(&mut reader)?;
        reader.skip_comma();
    }
    Ok(())
}

impl<'a> Scalar<'a> {
    /// Reads an element of an array of strings.
    pub(crate) fn string(reader: &mut JsonReader<'a>) -> Parsed<Self> {
        reader.string().map(Scalar::Text)
    }

    /// Reads an element of an array of strings, integers and booleans.
    pub(crate) fn any(reader: &mut JsonReader<'a>) -> Parsed<Self> {
        match reader.peek() {
            Some(b'"') => reader.string().map(Scalar::Text),
            Some(b't' | b'f') => reader.boolean().map(Scalar::Boolean),
            _ => reader.integer().map(Scalar::Integer),
        }
    }

    /// Reads a member's name and skips its value.
    pub(crate) fn name(reader: &mut JsonReader<'a>) -> Parsed<Self> {
        let name = JsonString::plain(reader.name()?);
        reader.skip_value()?;
        Ok(Scalar::Text(name))
    }

    fn hash(self) -> u32 {
        match self {
            Scalar::Text(text) => text.hash(),
            Scalar::Integer(number) => {
                // In a product, a digit changes only itself and higher digits. Every digit reaches the high half.
                let mixed = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
                u32::try_from(mixed >> 32).unwrap_or_default()
            }
            Scalar::Boolean(flag) => u32::from(flag),
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Scalar::Text(one), Scalar::Text(two)) => one.compare(two),
            (Scalar::Integer(one), Scalar::Integer(two)) => one.cmp(&two),
            (Scalar::Boolean(one), Scalar::Boolean(two)) => one.cmp(&two),
            (Scalar::Text(_), _) | (Scalar::Integer(_), Scalar::Boolean(_)) => Ordering::Less,
            (Scalar::Integer(_) | Scalar::Boolean(_), _) => Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distinct(text: &str, count: usize) -> bool {
        check_distinct(JsonReader::new(text.as_bytes()).unwrap(), count, Scalar::any).is_ok()
    }

    #[test]
    fn a_repeated_element_is_found_among_few_and_among_many() {
        assert!(distinct(r#"["a","b","1",1,true,false]"#, 6));
        assert!(!distinct(r#"["a","b","a"]"#, 3));
        assert!(!distinct(r#"["a","\u0061"]"#, 2), "the same text in another spelling");
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
    fn elements_that_collide_on_purpose_are_sorted() {
        let of_one_slot = |n: &u32| JsonString::plain(&n.to_string()).hash() % 1024 == 7;
        let mut all: Vec<_> = (0..).filter(of_one_slot).take(100).map(|n| format!("\"{n}\"")).collect();
        assert!(distinct(&format!("[{}]", all.join(",")), 100));
        all[99] = all[0].clone();
        assert!(!distinct(&format!("[{}]", all.join(",")), 100));
    }

    #[test]
    fn a_repeated_name_in_an_object_is_found() {
        let start = |text: &'static str| JsonReader::new(text.as_bytes()).unwrap();
        assert!(check_distinct(start(r#"{"a":{"x":[1]},"b":2}"#), 2, Scalar::name).is_ok());
        assert!(check_distinct(start(r#"{"a":{"b":1},"a":2}"#), 2, Scalar::name).is_err());
    }
}
