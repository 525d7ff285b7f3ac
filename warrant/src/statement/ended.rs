//! The decisions to end: streams that were allowed and may not go on, each with the denial that ends it.

use std::{collections::BTreeMap, sync::Arc};

use super::{StatementFault, bytes::Bytes};
use crate::{Digest, denial::Denial, json::Malformed};

/// The 16 bytes of a decision's id.
pub type DecisionKey = [u8; 16];

/// Decisions to end, with their digest. A clone costs one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    decisions: Arc<BTreeMap<DecisionKey, Denial>>,
    digest: Digest,
}

impl Ended {
    /// Takes the decisions, each with the denial that ends it.
    pub fn new(decisions: BTreeMap<DecisionKey, Denial>) -> Self {
        let digest = Digest::of(&to_bytes(&decisions));
        Self { decisions: Arc::new(decisions), digest }
    }

    /// The denial that ends this decision, if it is to end.
    pub fn denial(&self, decision: &DecisionKey) -> Option<Denial> {
        self.decisions.get(decision).copied()
    }

    /// All decisions to end, by their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&DecisionKey, Denial)> {
        self.decisions.iter().map(|(decision, denial)| (decision, *denial))
    }

    /// The number of decisions.
    pub fn len(&self) -> usize {
        self.decisions.len()
    }

    /// Whether there is no decision to end.
    pub fn is_empty(&self) -> bool {
        self.decisions.is_empty()
    }

    /// The digest of [`Self::to_bytes`].
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// For each decision its id, the length of the denial's code in one byte, and the code. The ids rise.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.decisions)
    }

    /// Reads what [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// When an item is cut off or has an unknown code, or the ids are not strictly rising.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementFault> {
        let decisions = BTreeMap::from_iter(read_decisions(Bytes(bytes))?);
        Ok(Self { decisions: Arc::new(decisions), digest: Digest::of(bytes) })
    }

    /// What makes this list from `older`: the older digest, the number of removed ids, these ids, and what was added or
    /// changed.
    pub fn delta_from(&self, older: &Self) -> Vec<u8> {
        let removed: Vec<_> =
            older.decisions.keys().filter(|decision| !self.decisions.contains_key(*decision)).collect();
        let added = self.iter().filter(|(decision, denial)| older.denial(decision) != Some(*denial));
        let mut bytes = older.digest.bytes().to_vec();
        // A list that fits into an answer has far fewer decisions than 2^32.
        bytes.extend(u32::try_from(removed.len()).unwrap_or(u32::MAX).to_be_bytes());
        removed.into_iter().for_each(|decision| bytes.extend(decision));
        added.for_each(|(decision, denial)| write(&mut bytes, decision, denial));
        bytes
    }

    /// The digest of the list that a delta changes.
    pub(super) fn base_of(delta: &[u8]) -> Option<Digest> {
        Bytes(delta).digest()
    }

    /// The list that a delta makes from this one. The caller compares digests before and after.
    pub(super) fn apply(&self, delta: &[u8]) -> Result<Self, StatementFault> {
        const CUT: Malformed = Malformed("a change of the decisions to end is cut off");
        let mut bytes = Bytes(delta);
        bytes.digest().ok_or(CUT)?;
        let count = bytes.count().ok_or(CUT)?;
        let removed = bytes.take(count.checked_mul(16).ok_or(CUT)?).ok_or(CUT)?;
        let added = read_decisions(bytes)?;
        let mut decisions = BTreeMap::clone(&self.decisions);
        for decision in removed.as_chunks::<16>().0 {
            decisions.remove(decision);
        }
        decisions.extend(added);
        Ok(Self::new(decisions))
    }
}

impl Default for Ended {
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}

fn to_bytes(decisions: &BTreeMap<DecisionKey, Denial>) -> Vec<u8> {
    let mut bytes = Vec::new();
    decisions.iter().for_each(|(decision, denial)| write(&mut bytes, decision, *denial));
    bytes
}

fn write(bytes: &mut Vec<u8>, decision: &DecisionKey, denial: Denial) {
    let code = denial.code();
    bytes.extend(decision);
    bytes.push(u8::try_from(code.len()).unwrap_or(u8::MAX)); // every code is short
    bytes.extend(code.as_bytes());
}

fn read_decisions(mut bytes: Bytes<'_>) -> Result<Vec<(DecisionKey, Denial)>, Malformed> {
    const CUT: Malformed = Malformed("a decision to end is cut off");
    let mut decisions: Vec<(DecisionKey, Denial)> = Vec::new();
    while !bytes.rest().is_empty() {
        let decision = bytes.array().ok_or(CUT)?;
        let [length] = bytes.array().ok_or(CUT)?;
        let code = bytes.take(usize::from(length)).ok_or(CUT)?;
        let denial = std::str::from_utf8(code).ok().and_then(Denial::from_code);
        let denial = denial.ok_or(Malformed("a decision to end has an unknown code"))?;
        if decisions.last().is_some_and(|(last, _)| *last >= decision) {
            return Err(Malformed("the decisions to end are not strictly rising"));
        }
        decisions.push((decision, denial));
    }
    Ok(decisions)
}
