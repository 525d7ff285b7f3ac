//! A list that is encoded once and then copied into every entry that repeats it: the chain of a warrant, and its terms.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::define::{DocumentedObject, JsonShape};
use crate::canonical;

/// A list as entries have it. A clone shares the items and their bytes.
#[derive(Clone, Debug)]
pub struct EncodedList<T> {
    items: Arc<[T]>,
    /// Their canonical bytes, if they were encoded before.
    encoded: Option<Arc<RawValue>>,
}

impl<T: Serialize> EncodedList<T> {
    /// Encodes the items now, so that no entry has to. Items without a canonical form stay as they are: every entry of them is
    /// refused.
    #[must_use]
    pub fn encoded(items: Vec<T>) -> Self {
        let text = canonical::to_vec(&items).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let encoded = text.and_then(|text| RawValue::from_string(text).ok()).map(Arc::from);
        Self { encoded, ..Self::from(items) }
    }
}

impl<T> EncodedList<T> {
    /// How many bytes it has in an entry, if it was encoded before.
    #[must_use]
    pub fn encoded_len(&self) -> Option<usize> {
        self.encoded.as_ref().map(|encoded| encoded.get().len())
    }
}

impl<T> Default for EncodedList<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T> From<Vec<T>> for EncodedList<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items: items.into(), encoded: None }
    }
}

impl<T> Deref for EncodedList<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

/// Items that are changed are encoded anew.
impl<T: Clone> DerefMut for EncodedList<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.encoded = None;
        Arc::make_mut(&mut self.items)
    }
}

impl<T: PartialEq> PartialEq for EncodedList<T> {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

impl<T: Eq> Eq for EncodedList<T> {}

impl<T: Serialize> Serialize for EncodedList<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.encoded {
            Some(encoded) => encoded.serialize(to),
            None => self.items.serialize(to),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for EncodedList<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::deserialize(from).map(Self::from)
    }
}

impl<T: JsonShape> JsonShape for EncodedList<T> {
    fn shape() -> String {
        Vec::<T>::shape()
    }

    fn schema() -> serde_json::Value {
        Vec::<T>::schema()
    }

    fn collect(objects: &mut Vec<DocumentedObject>) {
        Vec::<T>::collect(objects);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::RecordedChain;
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
