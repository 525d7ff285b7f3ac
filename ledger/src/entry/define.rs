//! Macros that define entry kinds, the objects in them and closed sets of words, together with their documentation.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Describes the JSON of a type: in words for ENTRIES.md, and as a JSON Schema.
pub(crate) trait JsonShape {
    /// A short phrase for the column `value`.
    fn shape() -> String;

    /// Its JSON Schema. An object is named, as `{"$ref": "#/$defs/…"}`.
    fn schema() -> Value;

    /// Adds the objects that the phrase names.
    fn collect(_: &mut Vec<DocumentedObject>) {}
}

/// One entry kind or object, as ENTRIES.md lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentedObject {
    /// Its name; for an entry, the kind.
    pub(crate) name: &'static str,
    /// What it means.
    pub(crate) meaning: String,
    /// Its members, in the order in which they are written.
    pub(crate) members: Vec<DocumentedMember>,
}

/// One member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentedMember {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    /// The phrase that describes its value.
    pub(crate) shape: String,
    /// The JSON Schema of its value.
    pub(crate) schema: Value,
    /// What it means.
    pub(crate) meaning: String,
}

impl JsonShape for String {
    fn shape() -> String {
        "string".to_owned()
    }

    fn schema() -> Value {
        json!({"type": "string"})
    }
}

impl JsonShape for bool {
    fn shape() -> String {
        "boolean".to_owned()
    }

    fn schema() -> Value {
        json!({"type": "boolean"})
    }
}

impl JsonShape for u64 {
    fn shape() -> String {
        "integer, not negative".to_owned()
    }

    fn schema() -> Value {
        json!({"type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64})
    }
}

impl<T: JsonShape> JsonShape for Option<T> {
    fn shape() -> String {
        format!("{} or `null`", T::shape())
    }

    fn schema() -> Value {
        json!({"anyOf": [T::schema(), {"type": "null"}]})
    }

    fn collect(objects: &mut Vec<DocumentedObject>) {
        T::collect(objects);
    }
}

impl<T: JsonShape> JsonShape for Vec<T> {
    fn shape() -> String {
        format!("array of {}", T::shape())
    }

    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }

    fn collect(objects: &mut Vec<DocumentedObject>) {
        T::collect(objects);
    }
}

impl<T: JsonShape> JsonShape for BTreeMap<String, T> {
    fn shape() -> String {
        format!("object of {} by name", T::shape())
    }

    fn schema() -> Value {
        json!({"type": "object", "additionalProperties": T::schema()})
    }

    fn collect(objects: &mut Vec<DocumentedObject>) {
        T::collect(objects);
    }
}

/// The JSON name of a member, without the `r#` of a Rust keyword.
pub(crate) fn plain(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// The text of a documentation comment.
pub(crate) fn prose(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Defines an object inside an entry, with its name in ENTRIES.md. Members are declared sorted by name, which is the
/// canonical order.
macro_rules! object {
    ($documented:literal $(#[doc = $doc:literal])+ $(#[derive($derived:ident)])? pub struct $name:ident { $( $(#[doc = $says:literal])+ $member:ident: $type:ty, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize $(, $derived)?)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $( $(#[doc = $says])+ pub $member: $type, )+ }

        impl $crate::entry::define::JsonShape for $name {
            fn shape() -> String { concat!("`", $documented, "`").to_owned() }

            fn schema() -> serde_json::Value {
                serde_json::json!({"$ref": concat!("#/$defs/", $documented)})
            }

            fn collect(objects: &mut Vec<$crate::entry::define::DocumentedObject>) {
                if objects.iter().any(|object| object.name == $documented) { return }
                objects.push($crate::entry::define::DocumentedObject {
                    name: $documented,
                    meaning: $crate::entry::define::prose(&[$($doc),+]),
                    members: vec![$( $crate::entry::define::DocumentedMember {
                        name: $crate::entry::define::plain(stringify!($member)),
                        shape: <$type as $crate::entry::define::JsonShape>::shape(),
                        schema: <$type as $crate::entry::define::JsonShape>::schema(),
                        meaning: $crate::entry::define::prose(&[$($says),+]),
                    } ),+],
                });
                $( <$type as $crate::entry::define::JsonShape>::collect(objects); )+
            }
        }
    };
}

/// Defines a closed set of words.
macro_rules! words {
    ($(#[doc = $doc:literal])+ pub enum $name:ident { $( $(#[doc = $says:literal])+ $word:ident = $text:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $( $(#[doc = $says])+ #[serde(rename = $text)] $word, )+ }

        impl $name {
            /// Every word, in the order of the declaration.
            pub const ALL: &[Self] = &[$( Self::$word ),+];

            /// The word as it is recorded.
            #[must_use]
            pub fn word(self) -> &'static str { match self { $( Self::$word => $text, )+ } }

            /// The value with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $( $text => Some(Self::$word), )+ _ => None }
            }
        }

        impl $crate::entry::define::JsonShape for $name {
            fn shape() -> String { [$( concat!("`", $text, "`") ),+].join(" or ") }

            fn schema() -> serde_json::Value {
                serde_json::json!({"enum": [$( $text ),+]})
            }
        }
    };
}

/// Defines a kind of entry: its members, together with `kind`, `nonce` and `time`, are the whole JSON object.
macro_rules! kind {
    ($kind:literal $(#[doc = $doc:literal])+ pub struct $name:ident { $( $(#[doc = $says:literal])+ $member:ident: $type:ty, )* }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $( $(#[doc = $says])+ pub $member: $type, )* }

        impl $crate::entry::encoding::EntryKind for $name {
            const KIND: &'static str = $kind;

            fn write(&self, members: &mut $crate::entry::encoding::MemberWriter) -> Result<(), $crate::canonical::NotCanonical> {
                $( members.put($crate::entry::define::plain(stringify!($member)), &self.$member)?; )*
                Ok(())
            }

            fn read(bytes: &[u8]) -> Result<($crate::entry::encoding::Stamps, Self), serde_json::Error> {
                #[derive(serde::Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Wire {
                    #[serde(rename = "kind")]
                    _kind: serde::de::IgnoredAny,
                    nonce: $crate::entry::Nonce,
                    time: u64,
                    $( $member: $type, )*
                }
                let wire: Wire = serde_json::from_slice(bytes)?;
                let stamps = $crate::entry::encoding::Stamps { nonce: wire.nonce, time: wire.time };
                Ok((stamps, Self { $( $member: wire.$member, )* }))
            }

            fn describe(objects: &mut Vec<$crate::entry::define::DocumentedObject>) -> $crate::entry::define::DocumentedObject {
                $( <$type as $crate::entry::define::JsonShape>::collect(objects); )*
                let _ = &objects;
                $crate::entry::define::DocumentedObject {
                    name: $kind,
                    meaning: $crate::entry::define::prose(&[$($doc),+]),
                    members: vec![$( $crate::entry::define::DocumentedMember {
                        name: $crate::entry::define::plain(stringify!($member)),
                        shape: <$type as $crate::entry::define::JsonShape>::shape(),
                        schema: <$type as $crate::entry::define::JsonShape>::schema(),
                        meaning: $crate::entry::define::prose(&[$($says),+]),
                    } ),*],
                }
            }
        }
    };
}

pub(crate) use {kind, object, words};
