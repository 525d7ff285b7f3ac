//! The decisions to end: streams that were allowed and may not go on, each with the denial that ends it.

use std::{collections::BTreeMap, sync::Arc};

use super::{StatementFault, bytes::Bytes};
use crate::{Digest, denial::Denial, json::Malformed, sorted::is_rising};

/// The 16 bytes of a decision's id.
pub type DecisionKey = [u8; 16];

/// Decisions to end, with their digest. A clone costs one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// By the ids, which rise strictly.
    decisions: Arc<[(DecisionKey, Denial)]>,
    digest: Digest,
}

impl Ended {
    /// Takes the decisions, each with the denial that ends it.
    pub fn new(decisions: BTreeMap<DecisionKey, Denial>) -> Self {
        Self::of(decisions.into_iter().collect())
    }

    fn of(decisions: Arc<[(DecisionKey, Denial)]>) -> Self {
        let digest = Digest::of(&to_bytes(&decisions));
        Self { decisions, digest }
    }

    /// The denial that ends this decision, if it is to end.
    pub fn denial(&self, decision: &DecisionKey) -> Option<Denial> {
        let place = self.decisions.binary_search_by_key(decision, |(own, _)| *own).ok()?;
        self.decisions.get(place).map(|(_, denial)| *denial)
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
        Ok(Self { decisions: read_decisions(Bytes(bytes))?.into(), digest: Digest::of(bytes) })
    }

    /// What makes this list from `older`: the older digest, the number of removed ids, these ids, and what was added or
    /// changed.
    pub fn delta_from(&self, older: &Self) -> Vec<u8> {
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        // Both lists rise, so one walk through both finds what differs.
        let mut left = older.iter().peekable();
        for (decision, denial) in self.iter() {
            removed.extend(std::iter::from_fn(|| left.next_if(|(gone, _)| *gone < decision)));
            let was = left.next_if(|(same, _)| *same == decision);
            if was.map(|(_, was)| was) != Some(denial) {
                added.push((decision, denial));
            }
        }
        removed.extend(left);
        let mut bytes = older.digest.bytes().to_vec();
        // A list that fits into an answer has far fewer decisions than 2^32.
        bytes.extend(u32::try_from(removed.len()).unwrap_or(u32::MAX).to_be_bytes());
        removed.into_iter().for_each(|(decision, _)| bytes.extend(decision));
        added.into_iter().for_each(|(decision, denial)| write(&mut bytes, decision, denial));
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
        let removed = removed.as_chunks::<16>().0;
        if !is_rising(removed) {
            return Err(Malformed("the decisions to end no more are not strictly rising").into());
        }
        let is_replaced = |id: &DecisionKey| added.binary_search_by_key(id, |(own, _)| *own).is_ok();
        let mut kept = self
            .decisions
            .iter()
            .filter(|(id, _)| removed.binary_search(id).is_err() && !is_replaced(id))
            .peekable();
        let mut decisions = Vec::with_capacity(self.len().saturating_add(added.len()));
        for one in &added {
            while let Some(smaller) = kept.next_if(|kept| kept.0 < one.0) {
                decisions.push(*smaller);
            }
            decisions.push(*one);
        }
        decisions.extend(kept);
        Ok(Self::of(decisions.into()))
    }
}

impl Default for Ended {
    fn default() -> Self {
        Self::of(Arc::default())
    }
}

fn to_bytes(decisions: &[(DecisionKey, Denial)]) -> Vec<u8> {
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
