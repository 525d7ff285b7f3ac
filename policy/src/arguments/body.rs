//! Reads a JSON body: one value, in which the keys of an object differ even if case is ignored.
//!
//! Otherwise a reader that keeps the last of two equal keys, one that keeps the first and one that ignores case would see three
//! different requests.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::documents::arguments::Pointer;

/// The maximum depth of lists and objects inside each other.
const DEEPEST: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number with a fraction or an exponent, or too large: no argument can have it.
    Number,
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Reads a body of at most this many bytes.
pub(super) fn parse(bytes: &[u8], most: usize) -> Result<Json, String> {
    if bytes.len() > most {
        return Err(format!("the body has {} bytes; this route reads at most {most}", bytes.len()));
    }
    let refused = |error: serde_json::Error| format!("the JSON of the body is not accepted: {error}");
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let json = Depth(DEEPEST).deserialize(&mut reader).map_err(refused)?;
    reader.end().map_err(refused)?;
    Ok(json)
}

/// Checks the headers of the body: it must be `application/json`, without a content-encoding.
pub(super) fn check_headers(content_type: &[&[u8]], content_encoding: &[&[u8]]) -> Result<(), String> {
    const NAMES: [&str; 3] =
        ["application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"];
    let is_json =
        matches!(content_type, [one] if NAMES.iter().any(|name| one.eq_ignore_ascii_case(name.as_bytes())));
    if !is_json {
        return Err("the body's content-type is not `application/json`".to_owned());
    }
    if !content_encoding.is_empty() {
        return Err("the body has a content-encoding".to_owned());
    }
    Ok(())
}

impl Json {
    /// The value at this pointer.
    pub(super) fn at(&self, pointer: &Pointer) -> Option<&Self> {
        pointer.0.iter().try_fold(self, |json, token| match json {
            Self::Object(members) => members.iter().find(|(name, _)| name == token).map(|(_, member)| member),
            Self::List(items) => items.get(index(token)?),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Number | Self::Text(_) => None,
        })
    }
}

/// `0|[1-9][0-9]*`, as RFC 6901 writes an index into a list.
fn index(token: &str) -> Option<usize> {
    let is_plain =
        token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    token.parse().ok().filter(|_| is_plain)
}

/// Two keys with the same folded form are equal to a reader that ignores case.
fn folded(key: &str) -> String {
    key.chars()
        .map(|letter| {
            unicode_case_mapping::case_folded(letter)
                .and_then(|folded| char::from_u32(folded.get()))
                .unwrap_or(letter)
        })
        .collect()
}

#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn below<E: Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested more than 64 levels deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Number, Json::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let below = self.below()?;
        let mut members = Vec::new();
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if !keys.insert(folded(&key)) {
                return Err(A::Error::custom(format!("the key `{key}` occurs twice (case is ignored)")));
            }
            members.push((key, entries.next_value_seed(below)?));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1000;

    fn parse(body: &str) -> Result<Json, String> {
        super::parse(body.as_bytes(), MOST)
    }

    fn at(body: &str, pointer: &[&str]) -> Option<Json> {
        parse(body).unwrap().at(&Pointer(pointer.iter().map(|token| (*token).to_owned()).collect())).cloned()
    }

    #[test]
    fn pointers_find_members_and_items() {
        let body = r#" {"a": {"b/c": [1, {"~": "x"}]}, "": true} "#;
        assert_eq!(at(body, &["a", "b/c", "0"]), Some(Json::Integer(1)));
        assert_eq!(at(body, &["a", "b/c", "1", "~"]), Some(Json::Text("x".to_owned())));
        assert_eq!(at(body, &[""]), Some(Json::Bool(true)));
        for pointer in [
            &["a", "b/c", "2"][..],
            &["a", "b/c", "00"],
            &["a", "b/c", "+0"],
            &["b"],
            &["a", "b/c", "0", "x"],
            &["a", "b/c", ""],
        ] {
            assert_eq!(at(body, pointer), None, "{pointer:?}");
        }
    }

    #[test]
    fn no_key_occurs_twice_in_any_object() {
        for body in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"a":1,"A":1}"#,
            r#"[[{"x":{"stra\u1e9ee":1,"stra\u00dfe":1}}]]"#,
            "{\"k\":1,\"\u{212a}\":2}",
            "{\"\u{3c3}\":1,\"\u{3c2}\":2}",
        ] {
            assert!(parse(body).unwrap_err().contains("twice"), "{body}");
        }
        assert!(parse(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
        assert!(parse("{\"ss\":1,\"\u{df}\":2}").is_ok(), "simple folding, not full");
    }

    #[test]
    fn a_body_is_one_value_of_bounded_size_and_depth() {
        for body in
            ["", "{}x", "{} {}", "nul", "{\"a\":\"\\ud800\"}", "{\"a\":01}", "\u{feff}{}", "{\"a\":1e999}"]
        {
            assert!(parse(body).is_err(), "{body}");
        }
        assert!(super::parse(b"{\"a\":\"\xff\"}", MOST).is_err());
        assert!(parse(" \t\r\n{} \t\r\n").is_ok());
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(64)).is_ok());
        assert!(parse(&nested(65)).is_err());
        let long = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
        assert!(parse(&long(MOST)).is_ok());
        assert!(parse(&long(MOST + 1)).unwrap_err().contains("1001 bytes; this route reads at most 1000"));
    }

    #[test]
    fn only_integers_without_fraction_or_exponent_are_integers() {
        for (body, expected) in [
            ("1", Json::Integer(1)),
            ("1.0", Json::Number),
            ("1e2", Json::Number),
            ("-0", Json::Number),
            ("18446744073709551615", Json::Number),
        ] {
            assert_eq!(parse(body), Ok(expected), "{body}");
        }
    }

    #[test]
    fn only_application_json_without_encoding_is_read() {
        for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
        {
            assert!(check_headers(&[kind.as_bytes()], &[]).is_ok(), "{kind}");
        }
        for kind in [
            "text/json",
            "application/json; charset=latin1",
            "application/json, text/plain",
            "application/json; a=b",
            "application/jsonp",
            "",
        ] {
            assert!(check_headers(&[kind.as_bytes()], &[]).is_err(), "{kind}");
        }
        assert!(check_headers(&[], &[]).is_err());
        assert!(check_headers(&[b"application/json", b"application/json"], &[]).is_err());
        assert!(check_headers(&[b"application/json"], &[b"identity"]).is_err());
    }
}
