//! Entries in order, those that are meant, to whoever takes them.

use ledger::Entry;
use ledger::entry::Stamps;
use ledger::tree::MerkleTree;

use super::filter::Filter;
use super::opened::{Named, Opened};
use super::progress;
use super::scan::{self, Raw, Then};
use crate::cli::out::Failure;

/// One entry that is meant.
pub(super) struct Hit {
    pub(super) index: u64,
    pub(super) stamps: Stamps,
    pub(super) entry: Entry,
    pub(super) bytes: Vec<u8>,
}

/// Everything published so far. Returns how many were meant.
pub(super) fn all(
    opened: &Opened,
    named: &Named,
    filter: &Filter,
    json: bool,
    mut take: impl FnMut(Hit) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let size = opened.checkpoint(&named.key(opened)?)?.checkpoint().size;
    let tree = MerkleTree::new(opened.source.as_ref(), size);
    let first = filter.since.map_or(Ok(0), |since| scan::first_since(&tree, since))?;
    let bar = progress::bar("searching", size, json);
    let mut count: u64 = 0;
    let work = |raw: Raw<'_>| {
        // The first of each bundle is read in any case, so that a scan can end in time.
        let time =
            raw.index.is_multiple_of(256).then(|| raw.read().map(|(stamps, _)| stamps.time)).transpose()?;
        let is_over = time.is_some_and(|time| filter.is_over(time));
        let hit = filter.find(raw)?;
        Ok((
            is_over,
            hit.map(|(stamps, entry)| Hit { index: raw.index, stamps, entry, bytes: raw.bytes.to_vec() }),
        ))
    };
    scan::each(&tree, first..size, &bar, work, |found: Result<_, String>| {
        let (is_over, hit) = found.map_err(Failure::new)?;
        if is_over {
            return Ok(Then::Stop);
        }
        if let Some(hit) = hit {
            count = count.saturating_add(1);
            bar.suspend(|| take(hit))?;
        }
        Ok(Then::GoOn)
    })?;
    Ok(count)
}

impl Hit {
    /// `{"index":N,"entry":{…}}`, the entry byte for byte as it is recorded.
    pub(super) fn json_line(&self) -> String {
        format!("{{\"index\":{},\"entry\":{}}}", self.index, String::from_utf8_lossy(&self.bytes))
    }
}
