//! Which forwards a fact can end: what must be judged again because of it. A fact that says again what holds already ends
//! nothing, so attestors may repeat their statements as often as they like.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use ledger::entry::{Decision, DecisionOutcome, Entry, RecordedFact};
use warrant::Seconds;

use super::super::tables::Tables;

/// Something that a judge read: the attestations of a workload, or a condition. Two may share a key by chance: then one is
/// judged again for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadKey(u64);

impl ReadKey {
    pub fn attestations_of(workload: &str) -> ReadKey {
        ReadKey::of("attestation", workload)
    }

    pub fn condition(name: &str) -> ReadKey {
        ReadKey::of("condition", name)
    }

    fn of(kind: &str, name: &str) -> ReadKey {
        let mut hasher = DefaultHasher::new();
        (kind, name).hash(&mut hasher);
        ReadKey(hasher.finish())
    }

    /// What the judge of a decision read, as far as it decided. An ungoverned or observed request does not depend on it.
    pub(super) fn of_decision(decision: &Decision) -> Vec<ReadKey> {
        if decision.outcome != DecisionOutcome::Allowed {
            return Vec::new();
        }
        let workload = decision.identity.as_deref().filter(|_| !decision.attestation.is_empty());
        let conditions = decision.conditions.iter().map(|read| ReadKey::condition(&read.name));
        workload.map(ReadKey::attestations_of).into_iter().chain(conditions).collect()
    }
}

/// What must be judged again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::facts) struct Due {
    pub(super) all: bool,
    pub(super) that_read: BTreeSet<ReadKey>,
}

impl Due {
    /// What these facts make due, if `before` was known before them.
    pub(in crate::facts) fn because_of<'a>(
        facts: impl Iterator<Item = &'a Entry>,
        before: &Tables,
        now: Seconds,
    ) -> Due {
        let mut due = Due::default();
        for fact in facts.filter_map(Entry::as_recorded_fact) {
            match fact {
                RecordedFact::Activation(_) | RecordedFact::Posture(_) => due.all = true,
                RecordedFact::Attestation(said) if !before.attestations.holds_already(said, now) => {
                    due.that_read.insert(ReadKey::attestations_of(&said.subject));
                }
                RecordedFact::Condition(said) if !before.conditions.holds_already(said, now) => {
                    due.that_read.insert(ReadKey::condition(&said.name));
                }
                RecordedFact::Attestation(_) | RecordedFact::Condition(_) => {}
                // Every statement has the marks of all revocations, and every stamp those of its warrant: proxies end what is
                // revoked without being told its decisions. And the other two end nothing.
                RecordedFact::Revocation(_) | RecordedFact::Reinstate(_) | RecordedFact::Issued(_) => {}
            }
        }
        due
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.all && self.that_read.is_empty()
    }

    pub(super) fn add(&mut self, more: Due) {
        self.all |= more.all;
        self.that_read.extend(more.that_read);
    }
}

#[cfg(test)]
mod tests {
    use ledger::entry::{AttestationStatement, ConditionStatement, Posture, RevocationTarget};

    use super::*;
    use crate::facts::examples::{attestation, condition, issued, posture, revocation};

    fn due(fact: impl Into<Entry>, before: &Tables, now: u64) -> Due {
        Due::because_of([&fact.into()].into_iter(), before, Seconds::new(now))
    }

    #[test]
    fn a_statement_that_says_again_what_holds_makes_nothing_due() {
        let mut before = Tables::default();
        before.add(3, 100_000, &attestation(100, true, None).into());
        before.add(4, 100_000, &condition(100, "open", None).into());
        let of = |key| Due { all: false, that_read: [key].into() };
        let (workload, window) = (ReadKey::attestations_of("spiffe://s/w"), ReadKey::condition("window"));
        assert!(due(attestation(110, true, None), &before, 120).is_empty());
        assert!(due(condition(110, "open", None), &before, 120).is_empty());
        assert_eq!(due(attestation(110, false, None), &before, 120), of(workload));
        let debuggable = AttestationStatement { debug: Some(true), ..attestation(110, true, None) };
        assert_eq!(due(debuggable, &before, 120), of(workload));
        assert_eq!(due(attestation(110, true, Some("k")), &before, 120), of(workload), "about another key");
        assert_eq!(due(condition(110, "closed", None), &before, 120), of(window));
        let other = ConditionStatement { iss: "https://b".to_owned(), ..condition(110, "open", None) };
        assert_eq!(due(other, &before, 120), of(window), "by another attestor");
        assert_eq!(due(condition(710, "open", None), &before, 720), of(window), "the earlier one has ended");
        let shorter = ConditionStatement { exp: 300, ..condition(110, "open", None) };
        assert_eq!(due(shorter, &before, 120), of(window), "it ends earlier");
        let shorter = AttestationStatement { exp: 300, ..attestation(110, true, None) };
        assert_eq!(due(shorter, &before, 120), of(workload), "it ends earlier");
    }

    #[test]
    fn postures_make_all_due_and_revocations_and_issued_warrants_nothing() {
        let before = Tables::default();
        assert!(due(posture(Posture::Halted, None), &before, 1).all);
        assert!(due(revocation(RevocationTarget::Subject, "bob", None), &before, 1).is_empty());
        assert!(due(issued(1), &before, 1).is_empty());
    }
}
