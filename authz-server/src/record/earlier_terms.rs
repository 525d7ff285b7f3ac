//! Finds the terms of a decision that refers to an earlier one. Everybody who judges recorded decisions again asks here.

use std::sync::Arc;

use ledger::Entry;
use ledger::entry::Decision;
use moka::sync::Cache;

/// About how much memory the decisions may take to which others refer.
const BYTES_AT_MOST: u64 = 64 * 1024 * 1024;
/// A decision takes a few times as much memory as its entry.
const PARSED_TO_BYTES: usize = 4;

/// The decisions to which others refer, by their indices, as far as there is memory: a long scan meets the same one again and
/// again. Their terms are shared by all that refer to them.
#[derive(Clone, Debug)]
pub struct EarlierTerms(Cache<u64, EarlierDecision>);

#[derive(Clone, Debug)]
struct EarlierDecision {
    decision: Arc<Decision>,
    weight: u32,
}

impl EarlierTerms {
    /// Completes a decision that refers to an earlier one. `read` gives the bytes of the entry at an index; without them, or if
    /// that entry does not say the terms of this warrant, the decision stays as it is.
    pub fn complete<E>(
        &self,
        decision: &mut Decision,
        read: impl FnOnce(u64) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), E> {
        let Some(index) = decision.terms.said_at().filter(|_| decision.terms.links().is_none()) else {
            return Ok(());
        };
        let earlier = match self.0.get(&index) {
            Some(earlier) => earlier,
            None => {
                let Some(earlier) = read(index)?.and_then(|bytes| EarlierDecision::read(&bytes)) else {
                    return Ok(());
                };
                self.0.insert(index, earlier.clone());
                earlier
            }
        };
        decision.take_terms_of(&earlier.decision);
        Ok(())
    }
}

impl EarlierDecision {
    fn read(bytes: &[u8]) -> Option<EarlierDecision> {
        let (_, Entry::Decision(decision)) = Entry::read(bytes).ok()? else { return None };
        let weight = u32::try_from(bytes.len().saturating_mul(PARSED_TO_BYTES)).unwrap_or(u32::MAX);
        Some(EarlierDecision { decision: decision.into(), weight })
    }
}

impl Default for EarlierTerms {
    fn default() -> EarlierTerms {
        let weigh = |_: &u64, earlier: &EarlierDecision| earlier.weight;
        EarlierTerms(Cache::builder().max_capacity(BYTES_AT_MOST).weigher(weigh).build())
    }
}
