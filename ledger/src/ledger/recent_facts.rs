//! The facts that a judge may not have read yet: those of the longest deadline, by the time of the log.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::entry::{Decision, Entry, concerns};
use crate::ledger::FORWARD_RECORDED_WITHIN_SECONDS;

/// Limits the memory if facts come faster than any server takes them. A judge that has read less must judge again.
const FACTS_AT_MOST: usize = 128 * 1024;

/// How much longer an audit remembers facts than the writer: what the writer has in one frame. It must not find a fault where
/// the writer still remembered the fact.
const LONGER_SECONDS: u64 = 5;
const MORE_FACTS: usize = 2048;

#[derive(Clone, Debug)]
pub(crate) struct RecentFacts {
    /// For how many seconds facts are remembered.
    seconds: u64,
    /// How many facts are remembered.
    most: usize,
    /// Facts below this index are not remembered.
    floor: u64,
    recent: VecDeque<RecentFact>,
}

#[derive(Clone, Debug)]
struct RecentFact {
    index: u64,
    /// Its time in the log, in seconds.
    time: u64,
    fact: Arc<Entry>,
}

/// What a judge had not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The fact at this index, which concerns its decision.
    Fact(u64),
    /// Facts that are forgotten.
    Forgotten,
}

impl RecentFacts {
    /// No facts: the judges of a new server have read everything below this size.
    pub(crate) fn from(size: u64) -> Self {
        let (seconds, most) = (FORWARD_RECORDED_WITHIN_SECONDS, FACTS_AT_MOST);
        Self { seconds, most, floor: size, recent: VecDeque::new() }
    }

    /// The facts that the writer had at every place of the log, for an audit of it.
    pub(crate) fn of_audit() -> Self {
        let seconds = FORWARD_RECORDED_WITHIN_SECONDS.saturating_add(LONGER_SECONDS);
        Self { seconds, most: FACTS_AT_MOST.saturating_add(MORE_FACTS), floor: 0, recent: VecDeque::new() }
    }

    /// Adds a fact at this index and time, in milliseconds.
    pub(crate) fn add(&mut self, index: u64, time: u64, fact: Arc<Entry>) {
        self.recent.push_back(RecentFact { index, time: time / 1000, fact });
        if self.recent.len() > self.most {
            self.forget_oldest();
        }
    }

    /// Forgets the facts that are older than any decision to forward that may still be recorded at this time, in
    /// milliseconds.
    pub(crate) fn forget_before(&mut self, time: u64) {
        let oldest = (time / 1000).saturating_sub(self.seconds);
        while self.recent.front().is_some_and(|first| first.time < oldest) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.recent.pop_front() {
            self.floor = oldest.index.saturating_add(1);
        }
    }

    /// A fact that the judge had not read and that could change this decision. What the judge has read costs nothing here,
    /// however many facts it is.
    pub(crate) fn unread(&self, decision: &Decision) -> Option<Unread> {
        if decision.as_of < self.floor {
            return Some(Unread::Forgotten);
        }
        let from = self.recent.partition_point(|fact| fact.index < decision.as_of);
        let mut unread = self.recent.range(from..);
        unread.find(|unread| concerns(&unread.fact, decision)).map(|found| Unread::Fact(found.index))
    }

    pub(crate) fn makes_stale(&self, decision: &Decision) -> bool {
        self.unread(decision).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{FactScope, Posture, PostureChange, Revocation, RevocationTarget};
    use crate::example_log::allowed;

    const NOW: u64 = 1_700_000_000_000;

    fn of_nobody(n: u64) -> Arc<Entry> {
        let (iss, value) = (String::new(), format!("key-{n}"));
        let what = RevocationTarget::Key;
        let (by, reason) = (String::new(), String::new());
        Arc::new(Revocation { bundle: None, by, iss, reason, until: None, value, was: None, what }.into())
    }

    fn halt() -> Arc<Entry> {
        let (by, reason, subject) = (String::new(), String::new(), String::new());
        let (scope, stance) = (FactScope::Mesh, Posture::Halted);
        Arc::new(
            PostureChange { bundle: None, by, reason, replaces: None, scope, stance, subject, was: None }
                .into(),
        )
    }

    fn as_of(as_of: u64) -> Decision {
        Decision { as_of, ..allowed("a") }
    }

    #[test]
    fn however_many_facts_that_concern_nobody_make_no_decision_stale() {
        let mut facts = RecentFacts::from(10);
        (10..50_010).for_each(|index| facts.add(index, NOW, of_nobody(index)));
        assert!(!facts.makes_stale(&as_of(10)));
        facts.add(50_010, NOW, halt());
        assert!(facts.makes_stale(&as_of(10)) && facts.makes_stale(&as_of(50_010)));
        assert!(!facts.makes_stale(&as_of(50_011)), "its judge has read the halt");
    }

    #[test]
    fn facts_are_forgotten_only_when_no_decision_of_their_time_can_be_recorded() {
        let mut facts = RecentFacts::from(0);
        facts.add(5, NOW, of_nobody(5));
        facts.forget_before(NOW + 60_999);
        assert!(!facts.makes_stale(&as_of(0)), "it is remembered, and concerns nobody");
        facts.forget_before(NOW + 61_000);
        assert!(facts.makes_stale(&as_of(5)), "what it was is not known any more");
        assert!(!facts.makes_stale(&as_of(6)));
    }
}
