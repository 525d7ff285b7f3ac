//! The revocations in force, by the mark of what they name. Looking one up costs the same, however many there are.

use std::sync::Arc;

use ledger::FactRefused;
use ledger::entry::{Reinstate, Revocation, RevocationTarget};
use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};
use warrant::statement::MarkSet;
use warrant::{Mark, Revocable, RevocationKind, Seconds};

use super::revoked_marks::RevokedMarks;
use super::{FORGOTTEN_AT_ONCE, KEPT_AFTER_END_SECONDS, Recorded, TableSize};

const BOUND: usize = 1_000_000;

#[derive(Clone, Debug, Default)]
pub struct Revocations {
    by_mark: HashTrieMapSync<Mark, Arc<Recorded<Revocation>>>,
    by_index: RedBlackTreeMapSync<u64, Arc<Recorded<Revocation>>>,
    /// When they end, and their indices; the first first.
    ends: RedBlackTreeSetSync<(u64, u64)>,
    marks: RevokedMarks,
}

impl Revocations {
    /// The marks of all of them, as proxies get them. One that has just ended may still be among them: nothing under its name
    /// can be valid any more.
    pub fn marks(&self) -> &MarkSet {
        self.marks.all()
    }

    pub(super) fn changes(&self) -> u64 {
        self.marks.changes()
    }

    /// Whether a name is revoked at this time.
    pub fn is_revoked(&self, name: &Revocable, now: Seconds) -> bool {
        self.in_force(name.mark(), now).is_some()
    }

    pub fn in_force(&self, mark: Mark, now: Seconds) -> Option<&Recorded<Revocation>> {
        let found = self.by_mark.get(&mark)?;
        found.fact.until.is_none_or(|until| now.get() < until).then_some(found)
    }

    /// The one that was recorded at this index; it may have ended.
    pub fn at(&self, index: u64) -> Option<&Recorded<Revocation>> {
        self.by_index.get(&index).map(|revocation| &**revocation)
    }

    /// All of them, in no order; some may have ended.
    pub fn iter(&self) -> impl Iterator<Item = &Recorded<Revocation>> {
        self.by_mark.values().map(|revocation| &**revocation)
    }

    pub(super) fn size(&self) -> TableSize {
        TableSize { name: "revocations", facts: self.by_mark.size(), bound: BOUND }
    }

    pub(super) fn check(&self, revocation: &Revocation, now: Seconds) -> Result<(), FactRefused> {
        match self.in_force(mark(revocation.what, &revocation.iss, &revocation.value), now) {
            Some(first) => Err(FactRefused::Repeats { index: first.index, time: first.time }),
            None => Ok(()),
        }
    }

    /// Only keys and holders can be reinstated, and only by the index of the revocation that is in force.
    pub(super) fn check_reinstatement(&self, reinstate: &Reinstate, now: Seconds) -> Result<(), FactRefused> {
        let can_end = matches!(reinstate.what, RevocationTarget::Key | RevocationTarget::Subject);
        let found = self.in_force(mark(reinstate.what, &reinstate.iss, &reinstate.value), now);
        let is_this = found.is_some_and(|revoked| revoked.index == reinstate.revocation);
        if can_end && is_this { Ok(()) } else { Err(FactRefused::NotInForce) }
    }

    /// One that ends earlier does not replace one that ends later.
    pub(super) fn add(&mut self, index: u64, time: u64, revocation: &Revocation) {
        let mark = mark(revocation.what, &revocation.iss, &revocation.value);
        let until = revocation.until;
        let current = self.by_mark.get(&mark).map(|current| current.fact.until);
        if current.is_some_and(|current| current.is_none_or(|end| until.is_some_and(|until| until <= end))) {
            return;
        }
        self.remove(mark);
        if let Some(until) = until {
            self.ends.insert_mut((until, index));
        }
        let recorded = Arc::new(Recorded { index, time, fact: revocation.clone() });
        self.by_index.insert_mut(index, Arc::clone(&recorded));
        self.marks.add(mark);
        self.by_mark.insert_mut(mark, recorded);
    }

    pub(super) fn end(&mut self, reinstate: &Reinstate) {
        self.remove(mark(reinstate.what, &reinstate.iss, &reinstate.value));
    }

    fn remove(&mut self, mark: Mark) {
        let Some(held) = self.by_mark.get(&mark).cloned() else { return };
        if let Some(until) = held.fact.until {
            self.ends.remove_mut(&(until, held.index));
        }
        self.by_index.remove_mut(&held.index);
        self.marks.remove(mark);
        self.by_mark.remove_mut(&mark);
    }

    pub(super) fn has_ended(&self, now: Seconds) -> bool {
        self.first_ended(now).is_some()
    }

    /// The index of the first one that has ended.
    fn first_ended(&self, now: Seconds) -> Option<u64> {
        let ended = |until: u64| until.saturating_add(KEPT_AFTER_END_SECONDS) <= now.get();
        self.ends.first().filter(|(until, _)| ended(*until)).map(|(_, index)| *index)
    }

    pub(super) fn forget_ended(&mut self, now: Seconds) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some(ended) = self.first_ended(now).and_then(|index| self.at(index)) else { return };
            self.remove(mark(ended.fact.what, &ended.fact.iss, &ended.fact.value));
        }
    }
}

fn mark(what: RevocationTarget, iss: &str, value: &str) -> Mark {
    Mark::of(kind_of(what), iss, value)
}

/// The kind of revocation that the ledger's word means.
pub const fn kind_of(target: RevocationTarget) -> RevocationKind {
    match target {
        RevocationTarget::Path => RevocationKind::Path,
        RevocationTarget::Key => RevocationKind::Key,
        RevocationTarget::Lineage => RevocationKind::Txn,
        RevocationTarget::Subject => RevocationKind::Sub,
    }
}
