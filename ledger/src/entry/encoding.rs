//! Encodes entries as canonical bytes and reads them back: the members of a kind, with `kind`, `nonce` and `time` sorted
//! in.

use serde::Serialize;

use super::define::DocumentedObject;
use super::value::Nonce;
use crate::canonical::{self, NotCanonical};

/// The most bytes of an entry: its length in an entry bundle has two bytes.
pub const ENTRY_BYTES_AT_MOST: usize = 65_535;

/// The most digits of a time: 2^53 - 1 has 16.
const TIME_DIGITS: usize = 16;

/// What the ledger adds to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Sixteen random bytes.
    pub nonce: Nonce,
    /// Milliseconds since 1970.
    pub time: u64,
}

/// A struct that is an entry without its stamps.
pub(crate) trait EntryKind: Sized {
    /// `name/1`.
    const KIND: &'static str;
    fn write(&self, members: &mut MemberWriter) -> Result<(), NotCanonical>;
    fn read(bytes: &[u8]) -> Result<(Stamps, Self), serde_json::Error>;
    fn describe(objects: &mut Vec<DocumentedObject>) -> DocumentedObject;
}

/// The canonical bytes of an entry without the digits of its time, which only the writer knows.
#[derive(Clone, Debug)]
pub(crate) struct EntryDraft {
    bytes: Vec<u8>,
    time_at: usize,
}

impl EntryDraft {
    pub(crate) fn new<K: EntryKind>(entry: &K, nonce: Nonce) -> Result<Self, NotCanonical> {
        let mut members = MemberWriter::new(K::KIND, nonce);
        entry.write(&mut members)?;
        members.finish()
    }

    /// The most bytes that the stamped entry can have.
    pub(crate) fn len_at_most(&self) -> usize {
        self.bytes.len().saturating_add(TIME_DIGITS)
    }

    /// Checks that these are exactly the bytes of the entry at this time.
    fn check_bytes(&self, time: u64, bytes: &[u8]) -> Result<(), NotCanonical> {
        let (before, after) = self.bytes.split_at_checked(self.time_at).unwrap_or((&self.bytes, &[]));
        let middle = bytes.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        canonical::check_same(time.to_string().as_bytes(), middle.unwrap_or_default())
    }

    /// Appends the entry with this time.
    pub(crate) fn stamp(&self, time: u64, out: &mut Vec<u8>) {
        let (before, after) = self.bytes.split_at_checked(self.time_at).unwrap_or((&self.bytes, &[]));
        out.extend_from_slice(before);
        out.extend_from_slice(time.to_string().as_bytes());
        out.extend_from_slice(after);
    }
}

/// Writes the members in order, with the three stamps at their sorted places.
pub(crate) struct MemberWriter {
    bytes: Vec<u8>,
    kind: &'static str,
    nonce: Nonce,
    /// The stamps that are not written yet.
    stamps: std::slice::Iter<'static, StampMember>,
    last: &'static str,
    time_at: usize,
}

#[derive(Clone, Copy)]
enum StampMember {
    Kind,
    Nonce,
    Time,
}

/// Sorted by their names.
static STAMPS: [StampMember; 3] = [StampMember::Kind, StampMember::Nonce, StampMember::Time];

impl StampMember {
    fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Nonce => "nonce",
            Self::Time => "time",
        }
    }
}

impl MemberWriter {
    fn new(kind: &'static str, nonce: Nonce) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        bytes.push(b'{');
        Self { bytes, kind, nonce, stamps: STAMPS.iter(), last: "", time_at: 0 }
    }

    pub(crate) fn put<T: Serialize>(&mut self, name: &'static str, value: &T) -> Result<(), NotCanonical> {
        self.stamps_before(Some(name));
        if name <= self.last {
            return Err(NotCanonical::new(format!("member `{name}` is not declared in sorted order")));
        }
        self.name(name);
        canonical::write(&mut self.bytes, value)
    }

    fn stamps_before(&mut self, name: Option<&'static str>) {
        while let Some(stamp) = self.stamps.as_slice().first() {
            if name.is_some_and(|name| stamp.name() > name) {
                return;
            }
            self.stamps.next();
            self.name(stamp.name());
            match stamp {
                StampMember::Kind => self.text(self.kind),
                StampMember::Nonce => self.text(&self.nonce.text()),
                StampMember::Time => self.time_at = self.bytes.len(),
            }
        }
    }

    /// Writes a string that needs no escapes.
    fn text(&mut self, text: &str) {
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(b'"');
    }

    fn name(&mut self, name: &'static str) {
        if self.bytes.len() > 1 {
            self.bytes.push(b',');
        }
        self.text(name);
        self.bytes.push(b':');
        self.last = name;
    }

    fn finish(mut self) -> Result<EntryDraft, NotCanonical> {
        self.stamps_before(None);
        self.bytes.push(b'}');
        Ok(EntryDraft { bytes: self.bytes, time_at: self.time_at })
    }
}

/// Reads an entry of a known kind. It is an error if the bytes are not its canonical bytes.
pub(crate) fn read<K: EntryKind>(bytes: &[u8]) -> Result<(Stamps, K), NotCanonical> {
    let (stamps, entry) = K::read(bytes).map_err(|error| NotCanonical::new(error.to_string()))?;
    if stamps.time > canonical::INTEGER_MAX {
        return Err(NotCanonical::new("the time is larger than 2^53-1"));
    }
    EntryDraft::new(&entry, stamps.nonce)?.check_bytes(stamps.time, bytes)?;
    Ok((stamps, entry))
}
