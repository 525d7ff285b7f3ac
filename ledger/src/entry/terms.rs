//! The terms of a warrant: everything in its links that only judging needs. They take more bytes than the rest of a link and
//! never change, so a decision may name an earlier decision that says them, instead of saying them again.

use std::collections::BTreeMap;
use std::fmt;

use content_digest::Digest;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::define::{DocumentedObject, JsonShape, object};
use super::encoded_list::EncodedList;
use super::value::IntegerJson;

/// How many entries before a decision the entry may be, at most, that says its terms. So any part of a log can be judged again
/// together with a stretch of this length before it, and an audit need not remember more.
pub const TERMS_WITHIN: u64 = 1 << 20;

/// The terms of the links of a warrant, from its root to its leaf.
pub type Terms = EncodedList<LinkTerms>;

object! { "Terms"
    /// The terms of one link.
    pub struct LinkTerms {
        /// The attribution; roots only.
        attr: Option<BTreeMap<String, String>>,
        /// The meshes for which it is valid.
        aud: Vec<String>,
        /// What may be done, or the digest of its canonical form if it is large.
        authorization_details: Details,
        /// The id of the decision that issued it; roots only.
        dec: Option<String>,
        /// Its place in the chain.
        depth: u64,
        /// The environments for which it is valid, by dimension.
        env: BTreeMap<String, Vec<String>>,
        /// When it was issued, in seconds.
        iat: u64,
        /// The person on whose behalf it runs; roots only.
        ini: Option<Person>,
        /// The signer: the thumbprint URI of the parent's key; `null` for a root, which an authority signed.
        iss: Option<String>,
        /// The name of the authority's key; roots only.
        kid: Option<String>,
        /// The greatest depth that the chain may have.
        max_depth: u64,
        /// From when it is valid, in seconds.
        nbf: u64,
        /// The digest of the bundle under which it was issued; roots only.
        pol: Option<String>,
    }
}

object! { "Person"
    /// A person, as an issuer names them.
    pub struct Person {
        /// The issuer.
        iss: String,
        /// The subject.
        sub: String,
    }
}

impl LinkTerms {
    /// Whether a part of them is recorded only as a digest.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        match self.authorization_details {
            Details::Whole(_) => false,
            Details::Digest(_) => true,
        }
    }
}

/// The terms of a warrant as one decision records them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedTerms {
    /// One for each link of the chain.
    Whole(Terms),
    /// Those of an earlier decision on the same warrant.
    SameAs(EarlierTerms),
}

/// Names the decision that says the terms.
#[derive(Clone, Debug)]
pub struct EarlierTerms {
    /// Its index. Its own terms must be whole: no reference leads to another.
    pub index: u64,
    /// Its terms, if they are at hand. They are not part of the entry.
    pub known: Option<Terms>,
}

impl PartialEq for EarlierTerms {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl Eq for EarlierTerms {}

/// No terms, of no links.
impl Default for RecordedTerms {
    fn default() -> Self {
        Self::Whole(Terms::default())
    }
}

impl From<Vec<LinkTerms>> for RecordedTerms {
    fn from(terms: Vec<LinkTerms>) -> Self {
        Self::Whole(terms.into())
    }
}

impl RecordedTerms {
    /// The terms of each link; `None` if another entry says them, and they are not at hand.
    #[must_use]
    pub fn links(&self) -> Option<&Terms> {
        match self {
            Self::Whole(terms) => Some(terms),
            Self::SameAs(earlier) => earlier.known.as_ref(),
        }
    }

    /// The index of the earlier decision that says them, if this one does not.
    #[must_use]
    pub fn said_at(&self) -> Option<u64> {
        match self {
            Self::Whole(_) => None,
            Self::SameAs(earlier) => Some(earlier.index),
        }
    }
}

impl Serialize for RecordedTerms {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(terms) => terms.serialize(to),
            Self::SameAs(earlier) => earlier.index.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for RecordedTerms {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct WholeOrIndex;

        impl<'de> Visitor<'de> for WholeOrIndex {
            type Value = RecordedTerms;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the terms of each link, or the index of the entry that says them")
            }

            fn visit_u64<E: Error>(self, index: u64) -> Result<RecordedTerms, E> {
                Ok(RecordedTerms::SameAs(EarlierTerms { index, known: None }))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, links: A) -> Result<RecordedTerms, A::Error> {
                Terms::deserialize(SeqAccessDeserializer::new(links)).map(RecordedTerms::Whole)
            }
        }

        from.deserialize_any(WholeOrIndex)
    }
}

impl JsonShape for RecordedTerms {
    fn shape() -> String {
        format!(
            "{}, one for each link; or the index of the earlier decision that says them for the same chain",
            Terms::shape()
        )
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({"anyOf": [Terms::schema(), u64::schema()]})
    }

    fn collect(objects: &mut Vec<DocumentedObject>) {
        Terms::collect(objects);
    }
}

/// The details of a link, whole or as a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    /// As they are in the warrant.
    Whole(Vec<IntegerJson>),
    /// Only the digest of their canonical form. Replay calls such a decision withheld.
    Digest(Digest),
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(details) => details.serialize(to),
            Self::Digest(digest) => digest.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match IntegerJson::deserialize(from)? {
            IntegerJson::Array(details) => Ok(Self::Whole(details)),
            IntegerJson::String(text) => Digest::parse(&text)
                .map(Self::Digest)
                .ok_or_else(|| D::Error::custom("details: the string is not a digest")),
            IntegerJson::Null | IntegerJson::Bool(_) | IntegerJson::Integer(_) | IntegerJson::Object(_) => {
                Err(D::Error::custom("details: neither an array nor a digest"))
            }
        }
    }
}

impl JsonShape for Details {
    fn shape() -> String {
        "array of JSON with integers only, or digest".to_owned()
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({"anyOf": [Vec::<IntegerJson>::schema(), Digest::schema()]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical;
    use crate::example_log::{allowed, terms};

    #[test]
    fn terms_are_whole_or_an_index_and_nothing_else() {
        let whole = RecordedTerms::from(vec![terms(0)]);
        let index = RecordedTerms::SameAs(EarlierTerms { index: 7, known: None });
        for recorded in [whole, index.clone(), RecordedTerms::default()] {
            let bytes = canonical::to_vec(&recorded).unwrap();
            assert_eq!(canonical::from_slice::<RecordedTerms>(&bytes).unwrap(), recorded);
        }
        assert_eq!(canonical::to_vec(&index).unwrap(), b"7");
        for wrong in ["null", "-1", "\"7\"", "{}", "[7]", "7.0", "[[]]"] {
            assert!(canonical::from_slice::<RecordedTerms>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn terms_are_taken_only_from_whole_ones_of_the_same_chain() {
        let earlier = allowed("a");
        let mut later = earlier.clone();
        later.terms = RecordedTerms::SameAs(EarlierTerms { index: 7, known: None });
        assert_eq!((later.terms.links(), later.terms.said_at()), (None, Some(7)));
        let mut reference = earlier.clone();
        reference.terms = later.terms.clone();
        assert!(!later.take_terms_of(&reference), "a reference says nothing");
        assert!(!later.take_terms_of(&allowed("b")), "another warrant");
        assert!(later.take_terms_of(&earlier));
        assert_eq!(later.terms.links(), earlier.terms.links());
        assert_eq!(later, reference, "what is at hand is not part of the entry");
        assert_eq!(canonical::to_vec(&later.terms).unwrap(), b"7");
    }
}
