//! Searches a log and hands the selected entries over in order.

use ledger::Entry;
use ledger::entry::Stamps;
use ledger::tree::MerkleTree;

use super::filter::Filter;
use super::log::{OpenLog, OptionalKey};
use super::progress;
use super::scan::{self, Next, RawEntry};
use crate::cli::out::Failure;

/// One selected entry.
pub(super) struct FoundEntry {
    pub(super) index: u64,
    pub(super) stamps: Stamps,
    pub(super) entry: Entry,
    pub(super) bytes: Vec<u8>,
}

/// Searches everything that is published so far. Returns the number of selected entries.
pub(super) fn entries(
    log: &OpenLog,
    key: &OptionalKey,
    filter: &Filter,
    json: bool,
    mut take: impl FnMut(FoundEntry) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let size = log.checkpoint(&key.read(log)?)?.checkpoint().size;
    let tree = MerkleTree::new(log.source.as_ref(), size);
    let first = filter.since.map_or(Ok(0), |since| scan::first_since(&tree, since))?;
    let bar = progress::bar("searching", size, json);
    let mut count: u64 = 0;
    let work = |raw: RawEntry<'_>| {
        // The first entry of each bundle is always read, so that the scan can stop at the end of the time
        // range.
        let time =
            raw.index.is_multiple_of(256).then(|| raw.read().map(|(stamps, _)| stamps.time)).transpose()?;
        let is_over = time.is_some_and(|time| filter.is_over(time));
        let found = filter.find(raw)?;
        Ok((
            is_over,
            found.map(|(stamps, entry)| FoundEntry {
                index: raw.index,
                stamps,
                entry,
                bytes: raw.bytes.to_vec(),
            }),
        ))
    };
    scan::each(&tree, first..size, &bar, work, |found: Result<_, String>| {
        let (is_over, found) = found.map_err(Failure::new)?;
        if is_over {
            return Ok(Next::Stop);
        }
        if let Some(found) = found {
            count = count.saturating_add(1);
            bar.suspend(|| take(found))?;
        }
        Ok(Next::Continue)
    })?;
    Ok(count)
}

impl FoundEntry {
    /// `{"index":N,"entry":{…}}`, with the bytes of the entry as they are recorded.
    pub(super) fn json_line(&self) -> String {
        format!("{{\"index\":{},\"entry\":{}}}", self.index, String::from_utf8_lossy(&self.bytes))
    }
}
