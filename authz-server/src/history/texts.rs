//! Texts with numbers, close together in memory. A text can be found without keeping a table of all of them.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// The number of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TextId(u32);

#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: String,
    /// Where each text ends.
    ends: Vec<u32>,
    /// Half of each text's hash. Few texts share it, so comparing it first makes a search fast. Nobody outside can choose
    /// texts that do: the hash has a key.
    tags: Vec<u32>,
    hashes: RandomState,
    /// The numbers by hash, until the last text was added.
    numbers: HashTable<u32>,
}

impl TextId {
    /// The position of the text in the order of adding.
    pub(super) fn position(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Texts {
    /// Adds a text that is only looked for from outside, and that is not there yet.
    pub(super) fn push(&mut self, text: &str) -> TextId {
        let hash = self.hashes.hash_one(text);
        self.push_hashed(text, hash)
    }

    /// The number of a text, which is kept once.
    pub(super) fn intern(&mut self, text: &str) -> TextId {
        let hash = self.hashes.hash_one(text);
        if let Some(found) = self.numbers.find(hash, |number| self.get(TextId(*number)) == text) {
            return TextId(*found);
        }
        let added = self.push_hashed(text, hash);
        let Texts { bytes, ends, hashes, numbers, .. } = self;
        let rehash = |number: &u32| hashes.hash_one(text_at(bytes, ends, TextId(*number)));
        numbers.insert_unique(hash, added.0, rehash);
        added
    }

    fn push_hashed(&mut self, text: &str, hash: u64) -> TextId {
        // A segment is closed long before it has as many texts or bytes.
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.bytes.push_str(text);
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        self.tags.push(tag(hash));
        TextId(number)
    }

    pub(super) fn get(&self, id: TextId) -> &str {
        text_at(&self.bytes, &self.ends, id)
    }

    /// The text that was added after so many others.
    pub(super) fn at(&self, position: usize) -> &str {
        u32::try_from(position).map_or("", |number| self.get(TextId(number)))
    }

    /// The number of this text, if it is here. Of several, the last.
    pub(super) fn find(&self, text: &str) -> Option<TextId> {
        let wanted = tag(self.hashes.hash_one(text));
        let numbers = 0..u32::try_from(self.tags.len()).unwrap_or(u32::MAX);
        let mut same = numbers.zip(&self.tags).rev().filter(|(_, tag)| **tag == wanted);
        same.find_map(|(number, _)| Some(TextId(number)).filter(|id| self.get(*id) == text))
    }

    /// Nothing more is added: what only adding needs is given back.
    pub(super) fn close(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.tags.shrink_to_fit();
        self.numbers = HashTable::new();
    }

    /// The bytes that it takes once it is closed.
    pub(super) fn size(&self) -> usize {
        self.ends.len().saturating_mul(8).saturating_add(self.bytes.len())
    }
}

fn text_at<'a>(bytes: &'a str, ends: &[u32], TextId(number): TextId) -> &'a str {
    let end = |number: u32| {
        let end = usize::try_from(number).ok().and_then(|number| ends.get(number)).copied();
        end.and_then(|end| usize::try_from(end).ok())
    };
    let start = number.checked_sub(1).map_or(Some(0), end);
    start.zip(end(number)).and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default()
}

/// The lower half of a hash.
fn tag(hash: u64) -> u32 {
    u32::try_from(hash & 0xffff_ffff).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_found_again() {
        let mut texts = Texts::default();
        let (empty, a, b) = (texts.intern(""), texts.intern("a"), texts.intern("ö"));
        assert_eq!((texts.intern("a"), texts.intern("")), (a, empty));
        for _ in 0..2 {
            for (id, text) in [(empty, ""), (a, "a"), (b, "ö")] {
                assert_eq!((texts.get(id), texts.find(text)), (text, Some(id)));
            }
            assert_eq!(texts.find("c"), None);
            texts.close();
        }
        assert_eq!(texts.size(), 3 * 8 + 3);
    }
}
