//! The history: an index over the newest entries of the log, for people who ask later what was decided and why.
//!
//! It follows what is published, holds only what its questions are answered from, and reads everything else from the entries.
//! Nothing depends on it: it can be thrown away and read again, and every answer says how far it has read. It knows no HTTP,
//! no callers and no permissions: who asks says of each route whether its decisions may be seen.

mod glance;
mod index;
mod lineage;
mod segment;
mod summary;
#[cfg(test)]
pub(crate) mod tests;
mod texts;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ledger::{Ledger, ReadError};
use serde::Serialize;
use utoipa::ToSchema;

use glance::Glance;
use index::Index;
pub use lineage::{Lineage, LineageWarrant, Moment, Tally};
pub use summary::Summary;

/// Which entries an answer is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Span {
    /// The oldest entry that the index knows.
    pub from: u64,
    /// The index has read the entries below this one.
    pub as_of: u64,
    /// The size of the log.
    pub size: u64,
}

/// A decision that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The index of its entry.
    pub index: u64,
    /// The route that matched.
    pub route: Option<String>,
    /// The index of the entry with its outcome, if that was read.
    pub outcome: Option<u64>,
}

/// Which decisions are asked for. A member that is `None` selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub route: Option<String>,
    /// The word of the outcome or of the verdict: `allowed`, `permit`, or a denial's code.
    pub code: Option<String>,
    /// The `txn` of the root.
    pub lineage: Option<String>,
    /// The `sub` of the last link.
    pub holder: Option<String>,
}

/// A page of decisions, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub decisions: Vec<Found>,
    /// Where the next page begins; `None` after the oldest.
    pub next: Option<u64>,
}

/// Whether decisions on this route may be seen; `None`: those on no route.
pub type MaySee<'a> = &'a mut dyn FnMut(Option<&str>) -> bool;

/// The index of one log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct History {
    ledger: Ledger,
    /// How many of the newest entries it keeps.
    most: u64,
    index: Arc<RwLock<Index>>,
}

impl History {
    /// An index that has read nothing yet, and that will keep at most this many entries.
    pub fn new(ledger: Ledger, most: u64) -> History {
        History { ledger, most, index: Arc::new(RwLock::new(Index::new(most))) }
    }

    /// Reads published entries, at most this many. Returns true if there are more.
    pub fn read_on(&self, most: usize) -> Result<bool, ReadError> {
        let before = self.index().span();
        let from = if before.from == before.as_of { self.begin(before.as_of)? } else { before.as_of };
        let mut entries = self.ledger.read_published(from)?;
        for _ in 0..most {
            let Some(next) = entries.next_bytes() else { break };
            let (index, bytes) = next?;
            let (time, glance) = Glance::read(bytes).map_err(|error| {
                ReadError::Corrupt(self.ledger.layout().log(), format!("entry {index}: {error}"))
            })?;
            // One entry at a time: a question is never kept waiting for long.
            self.index_to_change().add(index, time, &glance);
        }
        Ok(self.index().span().as_of < entries.size())
    }

    /// Where to begin: with the newest entries only, and after those that were moved to an archive.
    fn begin(&self, as_of: u64) -> Result<u64, ReadError> {
        let entries = self.ledger.read_published(0)?;
        let newest = entries.size().saturating_sub(self.most) & !0xff;
        let from = as_of.max(newest).max(entries.first()?);
        self.index_to_change().begin(from);
        Ok(from)
    }

    /// Which entries an answer is made from now.
    pub fn span(&self) -> Span {
        self.spanned(|_| ()).0
    }

    /// The bytes of memory that it takes, but for what adding needs.
    pub fn bytes(&self) -> usize {
        self.index().size()
    }

    /// The decision with this id.
    pub fn decision(&self, id: &str) -> (Span, Option<Found>) {
        self.spanned(|index| index.decision(id))
    }

    /// The newest decisions that are wanted, and that may be seen: at most `limit`, at `from` and below.
    pub fn decisions(
        &self,
        wanted: &Wanted,
        from: Option<u64>,
        limit: usize,
        may_see: MaySee<'_>,
    ) -> (Span, Page) {
        self.spanned(|index| index.decisions(wanted, from.unwrap_or(u64::MAX), limit, may_see))
    }

    /// The lineages with this `txn`, one for each issuer, as far as they may be seen.
    pub fn lineages(&self, txn: &str, iss: Option<&str>, may_see: MaySee<'_>) -> (Span, Vec<Lineage>) {
        self.spanned(|index| index.lineages(txn, iss, may_see))
    }

    /// The bytes of the entries with these indices, which must have been read. Neighbours cost little.
    pub fn entries(&self, indices: impl IntoIterator<Item = u64>) -> Result<Vec<Vec<u8>>, ReadError> {
        let mut entries = self.ledger.read_published(0)?;
        let mut found = Vec::new();
        for index in indices {
            entries.go_to(index);
            let missing =
                || ReadError::Corrupt(self.ledger.layout().log(), format!("entry {index} is missing"));
            found.push(entries.next_bytes().ok_or_else(missing)??.1.to_vec());
        }
        Ok(found)
    }

    /// The bytes of one published entry; `None` if it was moved to an archive.
    pub fn entry_if_kept(&self, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let is_kept = index >= self.ledger.read_published(0)?.first()?;
        let mut entries = if is_kept { self.entries([index])? } else { Vec::new() };
        Ok(entries.pop())
    }

    /// What `ask` makes of the index, and which entries that is made from.
    fn spanned<T>(&self, ask: impl FnOnce(&Index) -> T) -> (Span, T) {
        let index = self.index();
        let answer = ask(&index);
        let span = index.span();
        drop(index);
        // Asked for last, so it is not smaller than what was read.
        (Span { size: self.ledger.size(), ..span }, answer)
    }

    // A panic in the middle of an entry leaves an index that lacks a part of that entry, and nothing else.
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_to_change(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}
