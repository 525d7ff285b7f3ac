//! The links of a warrant as they are recorded. Of a warrant that is presented often they are the same in every entry, so they can
//! be encoded once and kept: most of an entry is then copied.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::decision::RecordedLink;
use super::define::{DocumentedObject, JsonShape};
use crate::canonical;

/// The links of a warrant, from its root to its leaf. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct RecordedChain {
    links: Arc<[RecordedLink]>,
    /// Their canonical bytes, if they were encoded before.
    encoded: Option<Arc<RawValue>>,
}

impl RecordedChain {
    /// Encodes the links now, so that no entry has to. Links without a canonical form stay as they are: every entry of them is
    /// refused.
    #[must_use]
    pub fn encoded(links: Vec<RecordedLink>) -> Self {
        let text = canonical::to_vec(&links).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let encoded = text.and_then(|text| RawValue::from_string(text).ok()).map(Arc::from);
        Self { encoded, ..Self::from(links) }
    }
}

impl From<Vec<RecordedLink>> for RecordedChain {
    fn from(links: Vec<RecordedLink>) -> Self {
        Self { links: links.into(), encoded: None }
    }
}

impl Deref for RecordedChain {
    type Target = [RecordedLink];

    fn deref(&self) -> &[RecordedLink] {
        &self.links
    }
}

/// Links that are changed are encoded anew.
impl DerefMut for RecordedChain {
    fn deref_mut(&mut self) -> &mut [RecordedLink] {
        self.encoded = None;
        Arc::make_mut(&mut self.links)
    }
}

impl PartialEq for RecordedChain {
    fn eq(&self, other: &Self) -> bool {
        self.links == other.links
    }
}

impl Eq for RecordedChain {}

impl Serialize for RecordedChain {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.encoded {
            Some(encoded) => encoded.serialize(to),
            None => self.links.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for RecordedChain {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::deserialize(from).map(Self::from)
    }
}

impl JsonShape for RecordedChain {
    fn shape() -> String {
        Vec::<RecordedLink>::shape()
    }

    fn collect(objects: &mut Vec<DocumentedObject>) {
        Vec::<RecordedLink>::collect(objects);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example_log::root;

    #[test]
    fn links_that_were_encoded_before_give_the_same_bytes() {
        let links = vec![root("j1", Some(3)), root("j2", None)];
        let encoded = RecordedChain::encoded(links.clone());
        let fresh = RecordedChain::from(links);
        assert_eq!(encoded, fresh);
        let bytes = canonical::to_vec(&encoded).unwrap();
        assert_eq!(bytes, canonical::to_vec(&fresh).unwrap());
        assert_eq!(canonical::from_slice::<RecordedChain>(&bytes).unwrap(), fresh);
        let mut changed = encoded.clone();
        changed[1].exp += 1;
        assert_ne!(changed, encoded, "a clone shares the links until it is changed");
        assert_ne!(canonical::to_vec(&changed).unwrap(), bytes);
    }

    #[test]
    fn links_without_a_canonical_form_make_no_entry() {
        let mut link = root("j1", None);
        link.exp = canonical::INTEGER_MAX + 1;
        assert!(canonical::to_vec(&RecordedChain::encoded(vec![link])).is_err());
    }
}
