//! How an entry becomes bytes and comes back: the members of its kind with `kind`, `nonce` and `time` sorted in.

use serde::Serialize;

use super::shape::Object;
use super::value::Nonce;
use crate::canonical::{self, NotCanonical};

/// The most bytes an entry may have: the length prefix in an entry bundle is two bytes.
pub const ENTRY_BYTES_AT_MOST: usize = 65_535;

/// The most digits that a time can have: those of 2^53 - 1.
const TIME_DIGITS: usize = 16;

/// What the ledger adds to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Sixteen random bytes.
    pub nonce: Nonce,
    /// Milliseconds since 1970.
    pub time: u64,
}

/// A struct that is a whole entry but for its stamps.
pub(crate) trait Kind: Sized {
    /// `name/1`.
    const KIND: &'static str;
    fn write(&self, members: &mut Members) -> Result<(), NotCanonical>;
    fn read(bytes: &[u8]) -> Result<(Stamps, Self), serde_json::Error>;
    fn describe(objects: &mut Vec<Object>) -> Object;
}

/// An entry's canonical bytes but for the digits of its time, which only the writer knows.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    bytes: Vec<u8>,
    time_at: usize,
}

impl Draft {
    pub(crate) fn new<K: Kind>(entry: &K, nonce: Nonce) -> Result<Self, NotCanonical> {
        let mut members = Members::new(K::KIND, nonce);
        entry.write(&mut members)?;
        members.finish()
    }

    /// The most bytes that it can have once it is stamped.
    pub(crate) fn len_at_most(&self) -> usize {
        self.bytes.len().saturating_add(TIME_DIGITS)
    }

    /// Appends the entry as of this time.
    pub(crate) fn stamp(&self, time: u64, out: &mut Vec<u8>) {
        let (before, after) = self.bytes.split_at_checked(self.time_at).unwrap_or((&self.bytes, &[]));
        out.extend_from_slice(before);
        out.extend_from_slice(time.to_string().as_bytes());
        out.extend_from_slice(after);
    }
}

/// Writes members in order, each of the three stamps where its name belongs.
pub(crate) struct Members {
    bytes: Vec<u8>,
    stamps: std::vec::IntoIter<(&'static str, String)>,
    last: &'static str,
    time_at: usize,
}

impl Members {
    fn new(kind: &str, nonce: Nonce) -> Self {
        let stamps = vec![
            ("kind", format!("\"{kind}\"")),
            ("nonce", format!("\"{}\"", nonce.text())),
            ("time", String::new()),
        ];
        let mut bytes = Vec::with_capacity(1024);
        bytes.push(b'{');
        Self { bytes, stamps: stamps.into_iter(), last: "", time_at: 0 }
    }

    pub(crate) fn put<T: Serialize>(&mut self, name: &'static str, value: &T) -> Result<(), NotCanonical> {
        self.stamps_before(Some(name));
        if name <= self.last {
            return Err(NotCanonical::new(format!("member `{name}` is declared out of order")));
        }
        self.name(name);
        canonical::write(&mut self.bytes, value)
    }

    fn stamps_before(&mut self, name: Option<&'static str>) {
        while let Some((stamp, value)) = self.stamps.as_slice().first() {
            if name.is_some_and(|name| *stamp > name) {
                return;
            }
            let (stamp, value) = (*stamp, value.clone());
            self.stamps.next();
            self.name(stamp);
            self.bytes.extend_from_slice(value.as_bytes());
            if stamp == "time" {
                self.time_at = self.bytes.len();
            }
        }
    }

    fn name(&mut self, name: &'static str) {
        if self.bytes.len() > 1 {
            self.bytes.push(b',');
        }
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
        self.last = name;
    }

    fn finish(mut self) -> Result<Draft, NotCanonical> {
        self.stamps_before(None);
        self.bytes.push(b'}');
        Ok(Draft { bytes: self.bytes, time_at: self.time_at })
    }
}

/// Reads an entry of a kind that is known, and takes only its canonical bytes.
pub(crate) fn read<K: Kind>(bytes: &[u8]) -> Result<(Stamps, K), NotCanonical> {
    let (stamps, entry) = K::read(bytes).map_err(|error| NotCanonical::new(error.to_string()))?;
    if stamps.time > canonical::INTEGER_MAX {
        return Err(NotCanonical::new("the time is beyond 2^53-1"));
    }
    let mut written = Vec::with_capacity(bytes.len());
    Draft::new(&entry, stamps.nonce)?.stamp(stamps.time, &mut written);
    canonical::same(&written, bytes)?;
    Ok((stamps, entry))
}
