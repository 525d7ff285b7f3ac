//! What a decision burned. Most of it follows from the chain, so an entry names the link; `Decision::burns` gives the rest.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::chain::RecordedLink;
use super::decision::Decision;
use super::define::{DocumentedObject, JsonShape, object, words};

words! {
    /// What is burned.
    pub enum BurnKind {
        /// One use of a warrant.
        Use = "use",
        /// A proof of possession.
        Proof = "proof",
    }
}

object! { "Burned"
    /// One use of a warrant, or one proof, that was burned, with everything that names it. A decision says this only if it does not
    /// follow from its chain.
    pub struct RecordedBurn {
        /// How often it may be burned in total.
        max: u64,
        /// A warrant's path of `jti`s, joined with `/`, or a proof's `jti`.
        name: String,
        /// The issuer of the root, or the thumbprint of the key that made the proof.
        owner: String,
        /// Until when it must be remembered, in seconds.
        until: u64,
        /// What was burned.
        what: BurnKind,
    }
}

object! { "Proof"
    /// A proof by the key of the chain's leaf. It can be burned once.
    pub struct LeafProof {
        /// Its `jti`.
        proof: String,
        /// Until when it must be remembered, in seconds.
        until: u64,
    }
}

/// One thing that a decision burned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Burned {
    /// One use of the link at this place of the chain.
    UseOfLink(u64),
    /// A proof by the leaf.
    Proof(LeafProof),
    /// Anything else.
    Item(RecordedBurn),
}

impl Burned {
    /// The shortest form of this in an entry with this chain.
    #[must_use]
    pub fn of(burn: RecordedBurn, chain: &[RecordedLink]) -> Self {
        let short = match burn.what {
            BurnKind::Use => {
                let links = burn.name.bytes().filter(|byte| *byte == b'/').count();
                u64::try_from(links).ok().map(Self::UseOfLink)
            }
            BurnKind::Proof => Some(Self::Proof(LeafProof { proof: burn.name.clone(), until: burn.until })),
        };
        short.filter(|short| short.whole(chain).as_ref() == Some(&burn)).unwrap_or(Self::Item(burn))
    }

    /// All that names it. `None` if this chain does not have the link, or the link has no limit.
    fn whole(&self, chain: &[RecordedLink]) -> Option<RecordedBurn> {
        match self {
            Self::Item(burn) => Some(burn.clone()),
            Self::Proof(LeafProof { proof, until }) => {
                let (owner, name) = (chain.last()?.cnf.clone(), proof.clone());
                Some(RecordedBurn { max: 1, name, owner, until: *until, what: BurnKind::Proof })
            }
            Self::UseOfLink(place) => {
                let place = usize::try_from(*place).ok()?;
                let path = chain.get(..=place)?;
                let (root, link) = (path.first()?, path.last()?);
                let names: Vec<&str> = path.iter().map(|link| link.jti.as_str()).collect();
                Some(RecordedBurn {
                    max: link.r#use?,
                    name: names.join("/"),
                    owner: root.iss.clone()?,
                    until: link.exp,
                    what: BurnKind::Use,
                })
            }
        }
    }
}

impl Decision {
    /// Everything that was burned. What names a link that the chain does not have is left out.
    pub fn burns(&self) -> impl Iterator<Item = RecordedBurn> {
        self.burned.iter().filter_map(|burned| burned.whole(&self.chain))
    }

    /// Removes the chain and its terms. What was burned stays as it is.
    pub fn remove_chain(&mut self) {
        self.burned = self.burns().map(Burned::Item).collect();
        self.chain = super::RecordedChain::default();
        self.terms = super::RecordedTerms::default();
    }
}

impl From<RecordedBurn> for Burned {
    fn from(burn: RecordedBurn) -> Self {
        Self::Item(burn)
    }
}

impl Serialize for Burned {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::UseOfLink(place) => place.serialize(to),
            Self::Proof(proof) => proof.serialize(to),
            Self::Item(burn) => burn.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Burned {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct LinkOrItem;

        /// The members of both objects.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members {
            max: Option<u64>,
            name: Option<String>,
            owner: Option<String>,
            proof: Option<String>,
            until: u64,
            what: Option<BurnKind>,
        }

        impl<'de> Visitor<'de> for LinkOrItem {
            type Value = Burned;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the place of a link, a proof, or an item")
            }

            fn visit_u64<E: Error>(self, place: u64) -> Result<Burned, E> {
                Ok(Burned::UseOfLink(place))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Burned, A::Error> {
                let Members { max, name, owner, proof, until, what } =
                    Members::deserialize(MapAccessDeserializer::new(members))?;
                match (max, name, owner, proof, what) {
                    (None, None, None, Some(proof), None) => Ok(Burned::Proof(LeafProof { proof, until })),
                    (Some(max), Some(name), Some(owner), None, Some(what)) => {
                        Ok(Burned::Item(RecordedBurn { max, name, owner, until, what }))
                    }
                    (..) => Err(A::Error::custom("burned: neither a proof nor an item")),
                }
            }
        }

        from.deserialize_any(LinkOrItem)
    }
}

impl JsonShape for Burned {
    fn shape() -> String {
        format!(
            "the place in `chain` of a link of which one use was burned, or {}, or {}",
            LeafProof::shape(),
            RecordedBurn::shape()
        )
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({"anyOf": [u64::schema(), LeafProof::schema(), RecordedBurn::schema()]})
    }

    fn collect(objects: &mut Vec<DocumentedObject>) {
        LeafProof::collect(objects);
        RecordedBurn::collect(objects);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical;
    use crate::example_log::{CLOCK, ISSUER, allowed_with_limits};

    fn use_of(name: &str, max: u64) -> RecordedBurn {
        let (name, owner) = (name.to_owned(), ISSUER.to_owned());
        RecordedBurn { max, name, owner, until: CLOCK + 60, what: BurnKind::Use }
    }

    fn proof_by(owner: &str) -> RecordedBurn {
        let (name, owner) = ("p".to_owned(), owner.to_owned());
        RecordedBurn { max: 1, name, owner, until: CLOCK + 30, what: BurnKind::Proof }
    }

    #[test]
    fn what_follows_from_the_chain_is_short_and_comes_back_whole() {
        let mut decision = allowed_with_limits("d", &[("r", Some(2)), ("c", None), ("l", Some(1))]);
        let burns = [
            (use_of("r", 2), "0"),
            (use_of("r/c/l", 1), "2"),
            (proof_by("key-of-l"), r#"{"proof":"p","until":1700000030}"#),
            // Another limit, a link without one, another warrant, another key.
            (use_of("r", 3), ""),
            (use_of("r/c", 1), ""),
            (use_of("r/x/l", 1), ""),
            (use_of("r/c/l/m", 1), ""),
            (proof_by("key-of-c"), ""),
        ];
        for (burn, short) in burns {
            let burned = Burned::of(burn.clone(), &decision.chain);
            let bytes = canonical::to_vec(&burned).unwrap();
            assert_eq!(canonical::from_slice::<Burned>(&bytes).unwrap(), burned);
            if short.is_empty() {
                assert_eq!(burned, Burned::Item(burn.clone()));
            } else {
                assert_eq!(String::from_utf8(bytes).unwrap(), short);
            }
            decision.burned = vec![burned];
            assert_eq!(decision.burns().collect::<Vec<_>>(), std::slice::from_ref(&burn));
            let mut without = decision.clone();
            without.remove_chain();
            assert!(without.chain.is_empty());
            assert_eq!(without.burns().collect::<Vec<_>>(), [burn], "also without the chain");
        }
        decision.burned = vec![Burned::UseOfLink(1), Burned::UseOfLink(3)];
        assert_eq!(decision.burns().count(), 0, "no limit, and no link");
    }

    #[test]
    fn nothing_else_is_read() {
        for wrong in [
            "-1",
            "null",
            "\"0\"",
            "{}",
            r#"{"until":1}"#,
            r#"{"proof":null,"until":1}"#,
            r#"{"proof":"p","until":1,"what":"proof"}"#,
            r#"{"max":1,"name":"n","owner":"o","until":1}"#,
            r#"{"max":1,"name":"n","owner":"o","proof":null,"until":1,"what":"use"}"#,
        ] {
            assert!(canonical::from_slice::<Burned>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
