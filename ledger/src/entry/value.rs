//! The small value types in entries: nonces, digests, texts, JSON values, and closed sets of words.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use content_digest::{Digest, hex};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::define::{JsonShape, words};

/// Sixteen random bytes in each entry, so that nobody can guess the entry from its public leaf hash.
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

impl JsonShape for Digest {
    fn shape() -> String {
        "digest".to_owned()
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"})
    }
}

/// A part of a request, which need not be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestText {
    /// UTF-8, unchanged.
    Utf8(String),
    /// Other bytes, written as `{"hex":"…"}`.
    Bytes(Vec<u8>),
    /// The beginning of a text that was too long to be kept, written as `{"digest":…,"length":…,"start":…}`.
    Start(Box<TextStart>),
}

/// The beginning of a long text, and the length and digest of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextStart {
    start: RequestText,
    length: u64,
    digest: Digest,
}

impl RequestText {
    /// How much is kept of a text that a client can make as long as it likes, where nothing needs the whole.
    pub const SHORT: usize = 1024;

    /// From bytes, which may be UTF-8 or not.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes)
            .map_or_else(|_| Self::Bytes(bytes.to_vec()), |text| Self::Utf8(text.to_owned()))
    }

    /// All bytes, as they were in the request; `None` if only the beginning is kept.
    #[must_use]
    pub fn whole(&self) -> Option<&[u8]> {
        match self {
            Self::Utf8(_) | Self::Bytes(_) => Some(self.kept()),
            Self::Start(_) => None,
        }
    }

    /// The bytes that are kept: all of them, or the beginning.
    #[must_use]
    pub fn kept(&self) -> &[u8] {
        match self {
            Self::Utf8(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Start(long) => long.start.kept(),
        }
    }

    /// Keeps at most the first [`RequestText::SHORT`] bytes, and the length and digest of the whole.
    #[must_use]
    pub fn shortened(self) -> Self {
        let Some(whole) = self.whole().filter(|whole| whole.len() > Self::SHORT) else { return self };
        // Not within a character: the beginning of a text is a text.
        let end = match &self {
            Self::Utf8(text) => text.floor_char_boundary(Self::SHORT),
            Self::Bytes(_) | Self::Start(_) => Self::SHORT,
        };
        let start = Self::from_bytes(whole.get(..end).unwrap_or_default());
        let length = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        Self::Start(Box::new(TextStart { start, length, digest: Digest::of(whole) }))
    }
}

impl From<&str> for RequestText {
    fn from(text: &str) -> Self {
        Self::Utf8(text.to_owned())
    }
}

impl Serialize for RequestText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Utf8(text) => to.serialize_str(text),
            Self::Bytes(bytes) => Hex { hex: hex::encode(bytes) }.serialize(to),
            Self::Start(long) => {
                Long { digest: long.digest, length: long.length, start: long.start.clone() }.serialize(to)
            }
        }
    }
}

impl<'de> Deserialize<'de> for RequestText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Hex(Hex),
            Long(Long),
        }
        match Form::deserialize(from)? {
            Form::Text(text) => Ok(Self::Utf8(text)),
            Form::Hex(Hex { hex }) => {
                let bytes = hex::decode(&hex).filter(|bytes| std::str::from_utf8(bytes).is_err());
                bytes
                    .map(Self::Bytes)
                    .ok_or_else(|| D::Error::custom("`hex` is only for bytes that are not UTF-8"))
            }
            Form::Long(Long { digest, length, start }) => {
                let is_shortened = start.whole().is_some_and(|start| start.len() <= Self::SHORT)
                    && usize::try_from(length).is_ok_and(|length| length > Self::SHORT);
                let long = TextStart { start, length, digest };
                is_shortened.then(|| Self::Start(Box::new(long))).ok_or_else(|| {
                    D::Error::custom("only a text of over 1024 bytes is kept as its beginning")
                })
            }
        }
    }
}

impl JsonShape for RequestText {
    fn shape() -> String {
        "string, or `{\"hex\":…}` if the bytes are not valid UTF-8; of a long one `{\"digest\":…,\"length\":…,\"start\":…}`"
            .to_owned()
    }

    fn schema() -> Value {
        let hex = json!({
            "type": "object", "required": ["hex"], "additionalProperties": false,
            "properties": {"hex": {"type": "string", "pattern": "^([0-9a-f]{2})*$"}},
        });
        let long = json!({
            "type": "object", "required": ["digest", "length", "start"], "additionalProperties": false,
            "properties": {
                "digest": Digest::schema(), "length": u64::schema(), "start": {"anyOf": [String::schema(), hex]},
            },
        });
        json!({"anyOf": [String::schema(), hex, long]})
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hex {
    hex: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    digest: Digest,
    length: u64,
    start: RequestText,
}

/// A JSON value without fractions, for parts that have their own types elsewhere, such as a warrant's details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegerJson {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer within ±(2^53-1).
    Integer(i64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<IntegerJson>),
    /// An object.
    Object(BTreeMap<String, IntegerJson>),
}

impl Serialize for IntegerJson {
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

impl<'de> Deserialize<'de> for IntegerJson {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = IntegerJson;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON without fractions")
            }
            fn visit_unit<E: Error>(self) -> Result<IntegerJson, E> {
                Ok(IntegerJson::Null)
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<IntegerJson, E> {
                Ok(IntegerJson::Bool(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<IntegerJson, E> {
                Ok(IntegerJson::Integer(value))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<IntegerJson, E> {
                i64::try_from(value)
                    .map(IntegerJson::Integer)
                    .map_err(|_| E::custom("an integer is outside ±(2^53-1)"))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<IntegerJson, E> {
                Ok(IntegerJson::String(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<IntegerJson, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = from.next_element()? {
                    values.push(value);
                }
                Ok(IntegerJson::Array(values))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<IntegerJson, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = from.next_entry::<String, IntegerJson>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member occurs twice"));
                    }
                }
                Ok(IntegerJson::Object(members))
            }
        }
        from.deserialize_any(Any)
    }
}

impl JsonShape for IntegerJson {
    fn shape() -> String {
        "JSON with integers only".to_owned()
    }

    fn schema() -> Value {
        json!({"description": "JSON with integers only."})
    }
}

words! {
    /// What a revocation names.
    pub enum RevocationTarget {
        /// A warrant and all warrants delegated from it, by the path of `jti`s, joined with `/`.
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
    /// Where a posture or a condition applies.
    pub enum FactScope {
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
    /// The posture: how much is allowed, from the mildest to the strictest.
    pub enum Posture {
        /// What the policy allows.
        Normal = "normal",
        /// What the policy allows in the restricted posture.
        Restricted = "restricted",
        /// Nothing.
        Halted = "halted",
    }
}
