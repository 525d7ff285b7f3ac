//! The small values that entries are made of.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use content_digest::Digest;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::shape::{Shape, words};

/// Sixteen random bytes that keep an entry from being guessed from its public leaf hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce(pub [u8; 16]);

impl Nonce {
    pub(crate) fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| D::Error::custom("a nonce is 16 bytes in base64url"))
    }
}

impl Shape for Digest {
    fn shape() -> String {
        "digest".to_owned()
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of an even number of lower-case hexadecimal digits.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a')?.checked_add(10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(high)?.checked_mul(16)? | digit(low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

/// What a request said, which need not be text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// UTF-8, as it was.
    Utf8(String),
    /// Anything else, as `{"hex":"…"}`.
    Bytes(Vec<u8>),
}

impl Text {
    /// Keeps text as text and other bytes as bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes)
            .map_or_else(|_| Self::Bytes(bytes.to_vec()), |text| Self::Utf8(text.to_owned()))
    }

    /// The bytes that were said.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Utf8(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Utf8(text.to_owned())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Utf8(text) => to.serialize_str(text),
            Self::Bytes(bytes) => Hex { hex: to_hex(bytes) }.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Hex(Hex),
        }
        let hex = match Either::deserialize(from)? {
            Either::Text(text) => return Ok(Self::Utf8(text)),
            Either::Hex(Hex { hex }) => hex,
        };
        let bytes = from_hex(&hex).filter(|bytes| std::str::from_utf8(bytes).is_err());
        bytes.map(Self::Bytes).ok_or_else(|| D::Error::custom("`hex` is for bytes that are not UTF-8"))
    }
}

impl Shape for Text {
    fn shape() -> String {
        "string, or `{\"hex\":…}` where the bytes were no UTF-8".to_owned()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hex {
    hex: String,
}

/// Any JSON without fractions: what a closed type would only repeat, such as a warrant's details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer within ±(2^53-1).
    Integer(i64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Integer(value) => to.serialize_i64(*value),
            Self::String(value) => to.serialize_str(value),
            Self::Array(values) => values.serialize(to),
            Self::Object(members) => members.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON without fractions")
            }
            fn visit_unit<E: Error>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Integer(value))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
                i64::try_from(value)
                    .map(Json::Integer)
                    .map_err(|_| E::custom("an integer is outside ±(2^53-1)"))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
                Ok(Json::String(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = from.next_element()? {
                    values.push(value);
                }
                Ok(Json::Array(values))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = from.next_entry::<String, Json>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member occurs twice"));
                    }
                }
                Ok(Json::Object(members))
            }
        }
        from.deserialize_any(Any)
    }
}

impl Shape for Json {
    fn shape() -> String {
        "JSON with integers only".to_owned()
    }
}

words! {
    /// What a revocation names.
    pub enum Revoked {
        /// A warrant and all that were delegated from it, by the path of `jti`s joined with `/`.
        Path = "path",
        /// A key, by its thumbprint.
        Key = "key",
        /// A lineage, by its `txn`.
        Lineage = "txn",
        /// A holder, by its `sub`.
        Subject = "sub",
    }
}

words! {
    /// Where a posture holds.
    pub enum Scope {
        /// Everywhere.
        Mesh = "mesh",
        /// On one route.
        Route = "route",
        /// In one environment.
        Environment = "environment",
        /// For the warrants of one issuer.
        Issuer = "issuer",
    }
}

words! {
    /// How much is allowed at all.
    pub enum Stance {
        /// What policy says.
        Normal = "normal",
        /// What policy says of restricted times.
        Restricted = "restricted",
        /// Nothing.
        Halted = "halted",
    }
}
