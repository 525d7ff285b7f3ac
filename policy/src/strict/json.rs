//! Reads JSON in the same strict profile into the same tree: the form of documents in a bundle and from Kubernetes.
//!
//! `serde_json::Value` would silently keep the last of two equal keys; this visitor refuses the second.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::node::{DEEPEST, LARGEST, MapKey, Node, NodeValue, Style};
use crate::fault::{FileFaults, Place};

/// The longest document: canonical JSON is no longer than the YAML it was made from.
pub const LONGEST: usize = 512 * 1024;

/// The longest manifest: about 100,000 files.
pub const LONGEST_MANIFEST: usize = 16 * 1024 * 1024;

/// Reads one document. `None`, with a fault added, when it cannot be read.
pub(crate) fn read(bytes: &[u8], faults: FileFaults<'_>) -> Option<Node> {
    match parse(bytes) {
        Ok(node) => Some(node),
        Err(error) => {
            faults.fault(
                Place::NONE,
                format!("this JSON is not accepted: {error}"),
                "write one JSON value: each key once, integers from -(2^53-1) to 2^53-1",
            );
            None
        }
    }
}

/// Reads one value, to its last byte.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, String> {
    within(LONGEST, bytes)
}

/// Reads a manifest: it lists many files, so it may be longer than a document.
pub(crate) fn manifest(bytes: &[u8]) -> Result<Node, String> {
    within(LONGEST_MANIFEST, bytes)
}

fn within(longest: usize, bytes: &[u8]) -> Result<Node, String> {
    if bytes.len() > longest {
        return Err(format!("it has {} bytes; the maximum is {longest}", bytes.len()));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let node = Depth(DEEPEST).deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(node)
}

/// How many more levels of nesting are allowed.
#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn below<E: Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested more than 32 levels deep"))
    }
}

fn node(value: NodeValue) -> Node {
    Node { at: Place::NONE, value }
}

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Node;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(node(NodeValue::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(node(NodeValue::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        if value.unsigned_abs() > LARGEST.unsigned_abs() {
            return Err(E::custom("an integer beyond ±(2^53-1)"));
        }
        Ok(node(NodeValue::Integer(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        i64::try_from(value)
            .map_err(|_| E::custom("an integer beyond ±(2^53-1)"))
            .and_then(|value| self.visit_i64(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Err(E::custom(format!("{value} is not an integer")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(node(NodeValue::Text(value.to_owned(), Style::Json)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(node(NodeValue::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let below = self.below()?;
        let mut members = Vec::new();
        let mut names = HashSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("the key `{name}` occurs twice")));
            }
            members.push((MapKey { at: Place::NONE, text: name }, entries.next_value_seed(below)?));
        }
        Ok(node(NodeValue::Map(members)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_occurs_twice_is_refused_however_it_is_escaped() {
        assert!(parse(br#"{"a":1,"b":{"a":2}}"#).is_ok());
        assert!(parse(br#"{"a":1,"\u0061":2}"#).unwrap_err().contains("twice"));
        assert!(parse(br#"[{"x":{"a":1,"a":1}}]"#).unwrap_err().contains("twice"));
    }

    #[test]
    fn only_integers_that_the_record_can_hold_are_accepted() {
        assert!(parse(b"9007199254740991").is_ok() && parse(b"-9007199254740991").is_ok());
        for text in ["9007199254740992", "-9007199254740992", "1.0", "1e3", "18446744073709551616"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_limited_and_trailing_bytes_are_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(32).as_bytes()).is_ok());
        assert!(parse(nested(33).as_bytes()).unwrap_err().contains("32 levels deep"));
        assert!(parse(b"{} {}").is_err());
    }
}
