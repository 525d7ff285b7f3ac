//! Strict JSON: an object whose member names are all different, at every depth.
//!
//! Two readers can choose different values for a repeated name, so a repeated name is a fault. Our own formats are
//! also closed: an unknown member, a `null` and a fraction are faults. The caller limits the size.

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The members of an object of somebody else's format. Members that nobody reads may be anything.
#[derive(Clone, Debug)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn read(bytes: &[u8]) -> Result<Members, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The member of this name; `null` counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }
}

/// Reads an object of our own formats: `T` says which members it has.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    let Members(members) = Members::read(bytes)?;
    if members.values().any(has_null) {
        return Err(Error::custom("a member is `null`: leave it out"));
    }
    T::deserialize(Value::Object(members))
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Distinct::deserialize(from)? {
            Distinct(Value::Object(members)) => Ok(Members(members)),
            Distinct(_) => Err(D::Error::custom("not an object")),
        }
    }
}

/// A JSON value without a repeated name.
struct Distinct(Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
                Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
                Ok(value.into())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
                let mut values = Vec::new();
                while let Some(Distinct(value)) = from.next_element()? {
                    values.push(value);
                }
                Ok(Value::Array(values))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
                let mut members = Map::new();
                while let Some((name, Distinct(value))) = from.next_entry::<String, Distinct>()? {
                    if members.contains_key(&name) {
                        return Err(A::Error::custom(format!("the member {name:?} occurs twice")));
                    }
                    members.insert(name, value);
                }
                Ok(Value::Object(members))
            }
        }
        from.deserialize_any(AnyValue).map(Distinct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "the test reads only whether it can be read")]
    struct Sample {
        a: u64,
        b: Option<Vec<String>>,
    }

    #[test]
    fn an_object_of_our_own_has_each_member_once_and_no_other_member() {
        assert!(read::<Sample>(br#"{"a":1}"#).is_ok());
        assert!(read::<Sample>(br#"{"a":1,"b":["x"]}"#).is_ok());
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"a":1,"c":2}"#,
            r#"{"a":1,"b":null}"#,
            r#"{"a":1,"b":[null]}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e3}"#,
            r#"{"a":-0}"#,
            r#"{"a":1} {}"#,
            "\u{feff}{\"a\":1}",
            r#"[1,null]"#,
            r#"[1]"#,
            "",
        ] {
            assert!(read::<Sample>(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_repeated_name_is_found_at_every_depth_of_a_foreign_object() {
        let members = Members::read(br#"{"sub":"s","x":{"y":[{"z":1.5}]},"n":null}"#).unwrap();
        assert_eq!((members.text("sub"), members.get("n"), members.text("x")), (Some("s"), None, None));
        for bad in [r#"{"x":{"y":1,"y":2}}"#, r#"{"x":[{"y":1,"y":1}]}"#] {
            assert!(Members::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
