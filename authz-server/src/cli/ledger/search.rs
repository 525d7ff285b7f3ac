//! Searches a log and hands the selected entries over in order.

use ledger::Entry;
use ledger::entry::Stamps;
use ledger::tree::MerkleTree;

use super::filter::Filter;
use super::log::{OpenLog, OptionalKey};
use super::progress;
use super::scan::{self, Next, RawEntry};
use crate::cli::out::{Failure, line_to_stderr};

/// One selected entry.
pub(super) struct FoundEntry {
    pub(super) index: u64,
    pub(super) stamps: Stamps,
    pub(super) entry: Entry,
    pub(super) bytes: Vec<u8>,
}

/// What a search found.
pub(super) struct Found {
    /// The number of selected entries.
    pub(super) count: u64,
    /// The entries below this index were not searched: they are in an archive that was not found.
    pub(super) from: u64,
}

/// Searches all published entries that are in the log or in a known archive. Says on standard error which are missing.
pub(super) fn entries(
    log: &OpenLog,
    key: &OptionalKey,
    filter: &Filter,
    json: bool,
    mut take: impl FnMut(FoundEntry) -> Result<(), Failure>,
) -> Result<Found, Failure> {
    let size = log.checkpoint(&key.read(log)?)?.checkpoint().size;
    let tree = MerkleTree::new(log.source.as_ref(), size);
    let here = log.entries(size)?;
    let first = filter.since.map_or(Ok(here.start), |since| scan::first_since(&tree, &here, since))?;
    // If the oldest entry here is older than the searched range, no archived entry is in the range. Evidence is a part by its
    // nature.
    let from = if first > here.start || log.evidence.is_some() { 0 } else { here.start };
    if from > 0 {
        line_to_stderr(format!(
            "portcullis: entries below {from} are not here: they were archived; name the archive with --archive to read them too"
        ));
    }
    let bar = progress::bar("searching", here.end, json);
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
    scan::each(&tree, first..here.end, &bar, work, |found: Result<_, String>| {
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
    Ok(Found { count, from })
}

impl FoundEntry {
    /// `{"index":N,"entry":{…}}`, with the bytes of the entry as they are recorded.
    pub(super) fn json_line(&self) -> String {
        format!("{{\"index\":{},\"entry\":{}}}", self.index, String::from_utf8_lossy(&self.bytes))
    }
}
