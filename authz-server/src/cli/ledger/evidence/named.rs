//! What the decisions in a range of a log name: policy bundles, and earlier entries that say the terms of their warrants.

use std::collections::BTreeSet;
use std::ops::Range;

use indicatif::ProgressBar;
use ledger::Entry;
use ledger::tree::MerkleTree;
use policy::Digest;

use crate::cli::ledger::scan::{self, Next, RawEntry};
use crate::cli::out::Failure;

#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) bundles: BTreeSet<Digest>,
    /// Entries before the range.
    pub(super) earlier: BTreeSet<u64>,
}

/// Reads all entries in this range.
pub(super) fn by_decisions(
    tree: &MerkleTree<'_>,
    entries: Range<u64>,
    bar: &ProgressBar,
) -> Result<Named, Failure> {
    let mut named = Named::default();
    let first = entries.start;
    let work = |raw: RawEntry<'_>| match raw.read()? {
        (_, Entry::Decision(decision)) => {
            Ok(Some((decision.bundle.map(|bundle| bundle.digest), decision.terms.said_at())))
        }
        (_, _) => Ok(None),
    };
    scan::each(tree, entries, bar, work, |found: Result<_, String>| {
        if let Some((bundle, earlier)) = found.map_err(Failure::new)? {
            named.bundles.extend(bundle);
            named.earlier.extend(earlier.filter(|index| *index < first));
        }
        Ok(Next::Continue)
    })?;
    Ok(named)
}
