//! Which decisions already have an outcome: one bit for each of the last entries of the ledger.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Two megabytes of bits. At a thousand requests a second, with one outcome each, they reach back more than two hours;
/// if more is recorded, they reach back less far.
const REACH: u64 = 1 << 24;
const WORD: u64 = 64;

/// The decisions that have an outcome. For a decision further back than the bits reach, a second outcome looks like a
/// first.
#[derive(Debug, Default)]
pub struct EndedDecisions(Mutex<EndedBits>);

/// The bits as a snapshot keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EndedBits {
    /// The index that the first bit stands for, a multiple of 64.
    pub(super) first: u64,
    pub(super) words: VecDeque<u64>,
}

impl EndedDecisions {
    pub(super) fn from_bits(bits: EndedBits) -> EndedDecisions {
        EndedDecisions(Mutex::new(bits))
    }

    pub(super) fn bits(&self) -> EndedBits {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes an outcome of the decision at this index. Returns true if the decision already had one.
    pub fn note(&self, index: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(index)
    }

    /// Takes a note back, because the outcome could not be recorded: the next outcome counts as the first.
    pub fn forget(&self, index: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).forget(index);
    }
}

impl EndedBits {
    fn note(&mut self, index: u64) -> bool {
        if self.words.is_empty() {
            self.first = begin(index);
        }
        if index >= self.first.saturating_add(REACH) {
            self.forget_below(begin(index).saturating_sub(REACH - WORD));
        }
        let Some(offset) = index.checked_sub(self.first).or_else(|| self.extend_back(index)) else {
            return false;
        };
        let place = usize::try_from(offset / WORD).unwrap_or(usize::MAX);
        if place >= self.words.len() {
            self.words.resize(place.saturating_add(1), 0);
        }
        let bit = 1 << (offset % WORD);
        let Some(word) = self.words.get_mut(place) else { return false };
        let had = *word & bit != 0;
        *word |= bit;
        had
    }

    fn forget(&mut self, index: u64) {
        let place = index.checked_sub(self.first).and_then(|offset| usize::try_from(offset / WORD).ok());
        if let Some(word) = place.and_then(|place| self.words.get_mut(place)) {
            *word &= !(1 << (index % WORD));
        }
    }

    fn forget_below(&mut self, index: u64) {
        let words = usize::try_from(index.saturating_sub(self.first) / WORD).unwrap_or(usize::MAX);
        self.words.drain(..words.min(self.words.len()));
        self.first = index;
    }

    /// Outcomes come in the order in which requests end, so the first one need not have the lowest index.
    fn extend_back(&mut self, index: u64) -> Option<u64> {
        let end = self.first.saturating_add(u64::try_from(self.words.len()).ok()?.saturating_mul(WORD));
        let first = begin(index);
        if end.saturating_sub(first) > REACH {
            return None;
        }
        for _ in 0..self.first.saturating_sub(first) / WORD {
            self.words.push_front(0);
        }
        self.first = first;
        index.checked_sub(first)
    }
}

/// The index of the first bit in the same word.
fn begin(index: u64) -> u64 {
    index & !(WORD - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_outcome_is_recognised_in_any_order() {
        let ended = EndedDecisions::default();
        for index in [1_000, 3, 64, 5_000, 63, 128, 999, 1_001] {
            assert!(!ended.note(index), "{index}");
        }
        for index in [3, 63, 64, 128, 999, 1_000, 1_001, 5_000] {
            assert!(ended.note(index), "{index}");
        }
        assert!(!ended.note(4));
    }

    #[test]
    fn memory_is_bounded_by_the_reach() {
        let ended = EndedDecisions::default();
        for index in (0..4 * REACH).step_by(1 << 18) {
            assert!(!ended.note(index));
            assert!(ended.note(index));
        }
        let bits = ended.bits();
        assert!(u64::try_from(bits.words.len()).unwrap() * WORD <= REACH);
        assert!(ended.note(4 * REACH - (1 << 18)), "the last one is remembered,");
        assert!(!ended.note(0) && !ended.note(0), "one too far back is not, and raises no alarm");
        assert!(!ended.note(u64::MAX >> 11), "a jump forgets the rest,");
        assert_eq!(
            ended.bits().words.len(),
            usize::try_from(REACH / WORD).unwrap(),
            "and takes its memory at once"
        );
    }

    #[test]
    fn bits_come_back_as_they_were() {
        let ended = EndedDecisions::default();
        assert!([70, 7, 700].iter().all(|index| !ended.note(*index)));
        let again = EndedDecisions::from_bits(ended.bits());
        assert!([70, 7, 700].iter().all(|index| again.note(*index)));
        assert!(!again.note(71));
        again.forget(70);
        again.forget(1 << 40);
        assert!(!again.note(70) && again.note(71) && again.note(7));
    }
}
