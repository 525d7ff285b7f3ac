//! The links of a warrant as they are recorded. Of a warrant that is presented often they are the same in every entry, so they can
//! be written once and kept: an entry is then mostly a copy.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::decision::RecordedLink;
use super::define::{DocumentedObject, JsonShape};
use crate::canonical::{self, NotCanonical};

/// The links of a warrant, from its root to its leaf. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct RecordedChain {
    links: Arc<[RecordedLink]>,
    /// Their canonical bytes, if they were written before.
    written: Option<Arc<RawValue>>,
}

impl RecordedChain {
    /// Writes the links now, so that no entry has to.
    pub fn written(links: Vec<RecordedLink>) -> Result<Self, NotCanonical> {
        let text = String::from_utf8(canonical::to_vec(&links)?);
        let text = text.map_err(|error| NotCanonical::new(error.to_string()))?;
        let written = RawValue::from_string(text).map_err(|error| NotCanonical::new(error.to_string()))?;
        Ok(Self { written: Some(written.into()), ..Self::from(links) })
    }
}

impl From<Vec<RecordedLink>> for RecordedChain {
    fn from(links: Vec<RecordedLink>) -> Self {
        Self { links: links.into(), written: None }
    }
}

impl Deref for RecordedChain {
    type Target = [RecordedLink];

    fn deref(&self) -> &[RecordedLink] {
        &self.links
    }
}

/// Links that are changed are written anew.
impl DerefMut for RecordedChain {
    fn deref_mut(&mut self) -> &mut [RecordedLink] {
        self.written = None;
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
        match &self.written {
            Some(written) => written.serialize(to),
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
    fn links_that_were_written_before_give_the_same_bytes() {
        let links = vec![root("j1", Some(3)), root("j2", None)];
        let written = RecordedChain::written(links.clone()).unwrap();
        let fresh = RecordedChain::from(links);
        assert_eq!(written, fresh);
        let bytes = canonical::to_vec(&written).unwrap();
        assert_eq!(bytes, canonical::to_vec(&fresh).unwrap());
        assert_eq!(canonical::from_slice::<RecordedChain>(&bytes).unwrap(), fresh);
        let mut changed = written.clone();
        changed[1].exp += 1;
        assert_ne!(changed, written, "a clone shares the links until it is changed");
        assert_ne!(canonical::to_vec(&changed).unwrap(), bytes);
    }

    #[test]
    fn links_without_a_canonical_form_are_not_written() {
        let mut link = root("j1", None);
        link.exp = canonical::INTEGER_MAX + 1;
        assert!(RecordedChain::written(vec![link]).is_err());
    }
}
