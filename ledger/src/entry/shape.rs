//! Types that know how to describe themselves, so that the list of entries for readers is made from the code.

use std::collections::BTreeMap;

/// Says what a value looks like in JSON.
pub(crate) trait Shape {
    /// One phrase, in the words of ENTRIES.md.
    fn shape() -> String;

    /// Adds the objects that this shape refers to by name.
    fn collect(_: &mut Vec<Object>) {}
}

/// One object of the record, as ENTRIES.md lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its name; for an entry, its kind.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) meaning: String,
    /// Its members, in the order in which they are written.
    pub(crate) members: Vec<Member>,
}

/// One member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    /// What its value looks like.
    pub(crate) shape: String,
    /// What it says.
    pub(crate) meaning: String,
}

impl Shape for String {
    fn shape() -> String {
        "string".to_owned()
    }
}

impl Shape for bool {
    fn shape() -> String {
        "boolean".to_owned()
    }
}

impl Shape for u64 {
    fn shape() -> String {
        "integer, not negative".to_owned()
    }
}

impl<T: Shape> Shape for Option<T> {
    fn shape() -> String {
        format!("{} or `null`", T::shape())
    }

    fn collect(objects: &mut Vec<Object>) {
        T::collect(objects);
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn shape() -> String {
        format!("array of {}", T::shape())
    }

    fn collect(objects: &mut Vec<Object>) {
        T::collect(objects);
    }
}

impl<T: Shape> Shape for BTreeMap<String, T> {
    fn shape() -> String {
        format!("object of {} by name", T::shape())
    }

    fn collect(objects: &mut Vec<Object>) {
        T::collect(objects);
    }
}

/// The name in JSON of a member whose name is a word of Rust.
pub(crate) fn plain(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// The text of a documentation comment.
pub(crate) fn prose(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// An object inside an entry. Members are declared in the order of their names: that is the canonical order.
macro_rules! object {
    ($(#[doc = $doc:literal])+ pub struct $name:ident { $( $(#[doc = $says:literal])+ $member:ident: $type:ty, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $( $(#[doc = $says])+ pub $member: $type, )+ }

        impl $crate::entry::shape::Shape for $name {
            fn shape() -> String { concat!("`", stringify!($name), "`").to_owned() }

            fn collect(objects: &mut Vec<$crate::entry::shape::Object>) {
                if objects.iter().any(|object| object.name == stringify!($name)) { return }
                objects.push($crate::entry::shape::Object {
                    name: stringify!($name),
                    meaning: $crate::entry::shape::prose(&[$($doc),+]),
                    members: vec![$( $crate::entry::shape::Member {
                        name: $crate::entry::shape::plain(stringify!($member)),
                        shape: <$type as $crate::entry::shape::Shape>::shape(),
                        meaning: $crate::entry::shape::prose(&[$($says),+]),
                    } ),+],
                });
                $( <$type as $crate::entry::shape::Shape>::collect(objects); )+
            }
        }
    };
}

/// A closed set of words.
macro_rules! words {
    ($(#[doc = $doc:literal])+ pub enum $name:ident { $( $(#[doc = $says:literal])+ $word:ident = $text:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $( $(#[doc = $says])+ #[serde(rename = $text)] $word, )+ }

        impl $name {
            /// The word as it is recorded.
            #[must_use]
            pub fn word(self) -> &'static str { match self { $( Self::$word => $text, )+ } }
        }

        impl $crate::entry::shape::Shape for $name {
            fn shape() -> String { [$( concat!("`", $text, "`") ),+].join(" or ") }
        }
    };
}

/// A kind of entry: a struct whose members, with `kind`, `nonce` and `time` among them, are the whole object.
macro_rules! kind {
    ($kind:literal $(#[doc = $doc:literal])+ pub struct $name:ident { $( $(#[doc = $says:literal])+ $member:ident: $type:ty, )* }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $( $(#[doc = $says])+ pub $member: $type, )* }

        impl $crate::entry::form::Kind for $name {
            const KIND: &'static str = $kind;

            fn write(&self, members: &mut $crate::entry::form::Members) -> Result<(), $crate::canonical::NotCanonical> {
                $( members.put($crate::entry::shape::plain(stringify!($member)), &self.$member)?; )*
                Ok(())
            }

            fn read(bytes: &[u8]) -> Result<($crate::entry::form::Stamps, Self), serde_json::Error> {
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
                let stamps = $crate::entry::form::Stamps { nonce: wire.nonce, time: wire.time };
                Ok((stamps, Self { $( $member: wire.$member, )* }))
            }

            fn describe(objects: &mut Vec<$crate::entry::shape::Object>) -> $crate::entry::shape::Object {
                $( <$type as $crate::entry::shape::Shape>::collect(objects); )*
                let _ = &objects;
                $crate::entry::shape::Object {
                    name: $kind,
                    meaning: $crate::entry::shape::prose(&[$($doc),+]),
                    members: vec![$( $crate::entry::shape::Member {
                        name: $crate::entry::shape::plain(stringify!($member)),
                        shape: <$type as $crate::entry::shape::Shape>::shape(),
                        meaning: $crate::entry::shape::prose(&[$($says),+]),
                    } ),*],
                }
            }
        }
    };
}

pub(crate) use {kind, object, words};
