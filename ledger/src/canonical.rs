//! Canonical JSON, RFC 8785 with integers only: each value has exactly one sequence of bytes.
//!
//! The bytes come from `serde_json`, whose string escapes are those of the RFC. The types give the order of members:
//! every struct that is written here declares its members sorted (a test checks this), and maps are `BTreeMap`s. The
//! rest that could differ is an error: numbers outside ±(2^53-1) or with a fraction, and member names with characters
//! that sort differently as UTF-8 and as the RFC's UTF-16.

use std::fmt;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// The largest integer that every JSON reader reads exactly: 2^53 - 1.
pub const INTEGER_MAX: u64 = 9_007_199_254_740_991;

/// Why a value has no canonical bytes, or bytes are not canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCanonical(String);

impl NotCanonical {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotCanonical {}

/// The canonical bytes of a value.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, value)?;
    Ok(out)
}

/// Appends the canonical bytes of a value.
pub(crate) fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), NotCanonical> {
    let mut serializer = Serializer::with_formatter(out, Integers { in_name: false });
    value.serialize(&mut serializer).map_err(|error| NotCanonical(error.to_string()))
}

/// Reads a value. It is an error if the bytes are not exactly its canonical bytes: duplicate members, white space and
/// other spellings of a number or a string do not pass, even if the parser accepts them.
pub fn from_slice<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, NotCanonical> {
    let value = serde_json::from_slice(bytes).map_err(|error| NotCanonical(error.to_string()))?;
    check_same(&to_vec(&value)?, bytes)?;
    Ok(value)
}

pub(crate) fn check_same(written: &[u8], read: &[u8]) -> Result<(), NotCanonical> {
    if written == read { Ok(()) } else { Err(NotCanonical::new("not in canonical form (RFC 8785)")) }
}

/// Writes without white space. What would not be canonical is an error.
struct Integers {
    in_name: bool,
}

fn refuse(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Formatter for Integers {
    fn write_i64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        if value.unsigned_abs() > INTEGER_MAX {
            return Err(refuse("an integer is outside ±(2^53-1)"));
        }
        CompactFormatter.write_i64(writer, value)
    }

    fn write_u64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        if value > INTEGER_MAX {
            return Err(refuse("an integer is outside ±(2^53-1)"));
        }
        CompactFormatter.write_u64(writer, value)
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, _: &mut W, _: f64) -> io::Result<()> {
        Err(refuse("a number is not an integer"))
    }

    fn write_f32<W: ?Sized + io::Write>(&mut self, _: &mut W, _: f32) -> io::Result<()> {
        Err(refuse("a number is not an integer"))
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.in_name = true;
        CompactFormatter.begin_object_key(writer, first)
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_name = false;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // From U+E000 on, UTF-8 and UTF-16 sort differently.
        if self.in_name && fragment.bytes().any(|byte| byte >= 0xEE) {
            return Err(refuse("a member name has a character above U+D7FF"));
        }
        out.write_all(fragment.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    type Numbers = BTreeMap<String, i64>;

    #[test]
    fn only_canonical_bytes_are_read() {
        let good = br#"{"a":-1,"b":9007199254740991}"#;
        let value: Numbers = from_slice(good).unwrap();
        assert_eq!(to_vec(&value).unwrap(), good);
        for bad in [
            r#"{"b":2,"a":1}"#,
            r#"{"a": 1}"#,
            "{\"a\":1}\n",
            r#"{"a":1,"a":1}"#,
            r#"{"\u0061":1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":-0}"#,
            r#"{"a":9007199254740992}"#,
            r#"{"a":-9007199254740992}"#,
            r#"{"a":1e1}"#,
        ] {
            assert!(from_slice::<Numbers>(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_value_without_a_canonical_form_is_not_written() {
        assert!(to_vec(&1.5).is_err());
        assert!(to_vec(&(INTEGER_MAX + 1)).is_err());
        assert!(to_vec(&BTreeMap::from([("\u{E000}", 1)])).is_err());
        assert_eq!(to_vec("\u{E000}\u{7}\n\"é").unwrap(), "\"\u{E000}\\u0007\\n\\\"é\"".as_bytes());
    }
}
