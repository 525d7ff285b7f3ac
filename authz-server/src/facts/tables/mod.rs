//! What the ledger's facts say at one size of it: postures, revocations, statements of attestors, issued roots.
//!
//! A copy shares its memory with the original, so that the writer can change one while decisions read the other. Nothing
//! here reads a clock: what has ended is forgotten by the time of the last entry.

mod issued;
mod postures;
mod revocations;
mod revoked_marks;
mod statements;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::FactRefused;
use ledger::entry::{Activation, Entry, FactScope, Issued, Posture, RecordedFact};
use warrant::limits::MAX_LEEWAY_SECONDS;
use warrant::{Revocable, RevocationKind, Seconds};

pub use issued::counted_of;
pub(super) use issued::{CountedRoots, IssuedRoots, IssuedTo};
use postures::Postures;
use revocations::Revocations;
pub use revocations::kind_of;
use statements::{Attestations, Conditions};
pub use statements::{STATEMENT_SECONDS_AT_MOST, Speakers};

/// An allow may be recorded this long after the time of its judge, so a fact is needed this long after its end.
const KEPT_AFTER_END_SECONDS: u64 = ledger::FORWARD_RECORDED_WITHIN_SECONDS + 1;

/// So many facts of a table are forgotten at once at most: no caller waits while it forgets all that have ended.
const FORGOTTEN_AT_ONCE: usize = 256;

#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// The newest activation, which no older bundle may undo.
    pub activation: Option<Arc<Recorded<Activation>>>,
    pub postures: Postures,
    pub revocations: Revocations,
    pub attestations: Attestations,
    pub conditions: Conditions,
    /// Attestors that left a bundle, and the second until which they can have made statements before. No statement of theirs
    /// that was made until then counts, also if they come back: a newer one that was forgotten may have contradicted it.
    pub left: BTreeMap<String, u64>,
    pub issued: IssuedRoots,
}

/// A fact that may still hold, as it was recorded.
#[derive(Clone, Debug)]
pub struct AliveFact {
    pub index: u64,
    /// The time of its entry, in milliseconds.
    pub time: u64,
    pub entry: Entry,
}

/// A recorded fact, with what the log says about its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded<F> {
    pub index: u64,
    /// The time of its entry, in milliseconds.
    pub time: u64,
    pub fact: F,
}

/// One of the tables: its name in metrics, how many facts it holds and how many it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSize {
    pub name: &'static str,
    pub facts: usize,
    pub bound: usize,
}

impl Tables {
    /// Whether this fact may be recorded after those that are here, at a time in seconds.
    pub fn check(&self, fact: &Entry, now: Seconds) -> Result<(), FactRefused> {
        match fact.as_recorded_fact() {
            Some(RecordedFact::Posture(change)) => self.postures.check(change),
            Some(RecordedFact::Revocation(revocation)) => self.revocations.check(revocation, now),
            Some(RecordedFact::Reinstate(reinstate)) => self.revocations.check_reinstatement(reinstate, now),
            Some(RecordedFact::Attestation(statement)) => self
                .check_left(&statement.iss, statement.iat)
                .and_then(|()| self.attestations.check(statement)),
            Some(RecordedFact::Condition(statement)) => {
                self.check_left(&statement.iss, statement.iat).and_then(|()| self.conditions.check(statement))
            }
            Some(RecordedFact::Issued(issued)) => self.issued.check(issued),
            Some(RecordedFact::Activation(_)) | None => Ok(()),
        }
    }

    /// Whether a root may not be issued, by its issuer in these places: something is halted, or somebody of it is revoked. A halt
    /// overtakes the roots that wait to be recorded, so their judge may not have read it.
    pub(super) fn stop(&self, root: &Issued, places: &[String], now: Seconds) -> bool {
        let stances = [self.postures.of_server(places), self.postures.stance(FactScope::Issuer, &root.iss)];
        let subjects = [Some(&root.sub), root.ini.as_ref().map(|starter| &starter.sub)];
        let mut names =
            subjects.into_iter().flatten().map(|sub| Revocable::new(RevocationKind::Sub, "", sub));
        let key = Revocable::new(RevocationKind::Key, "", &root.cnf);
        stances.contains(&Posture::Halted)
            || names.any(|name| self.revocations.is_revoked(&name, now))
            || self.revocations.is_revoked(&key, now)
    }

    /// Takes the entry at this index, with its time in milliseconds. Other entries than facts change nothing.
    pub fn add(&mut self, index: u64, time: u64, entry: &Entry) {
        match entry.as_recorded_fact() {
            Some(RecordedFact::Posture(change)) => self.postures.add(index, time, change),
            Some(RecordedFact::Revocation(revocation)) => self.revocations.add(index, time, revocation),
            Some(RecordedFact::Reinstate(reinstate)) => self.revocations.end(reinstate),
            Some(RecordedFact::Attestation(statement)) => self.attestations.add(index, time, statement),
            Some(RecordedFact::Condition(statement)) => self.conditions.add(index, time, statement),
            Some(RecordedFact::Issued(issued)) => self.issued.add(issued),
            Some(RecordedFact::Activation(activation)) => {
                self.note_left(&activation.attestors, time / 1000);
                self.attestations.keep_only(&activation.attestors);
                self.conditions.keep_only(&activation.attestors);
                self.activation = Some(Arc::new(Recorded { index, time, fact: activation.clone() }));
            }
            None => {}
        }
    }

    /// Whether these tables revoke and halt the same as others, of which they are a later or an earlier form.
    pub(super) fn govern_as(&self, other: &Tables) -> bool {
        self.postures.changes() == other.postures.changes()
            && self.revocations.changes() == other.revocations.changes()
    }

    fn check_left(&self, iss: &str, made: u64) -> Result<(), FactRefused> {
        match self.left.get(iss) {
            Some(left) if made <= *left => Err(FactRefused::Older { newest: *left }),
            Some(_) | None => Ok(()),
        }
    }

    /// Notes who is not among these attestors any more.
    fn note_left(&mut self, attestors: &[String], now: u64) {
        let before = self.activation.iter().flat_map(|before| &before.fact.attestors);
        let gone: Vec<String> = before.filter(|iss| !attestors.contains(iss)).cloned().collect();
        // A statement may have been made by a clock that was ahead by the leeway.
        let until = now.saturating_add(MAX_LEEWAY_SECONDS);
        self.left.extend(gone.into_iter().map(|iss| (iss, until)));
    }

    /// Whether there is something to forget.
    pub fn have_ended(&self, now: Seconds) -> bool {
        self.postures.has_ended(now)
            || self.revocations.has_ended(now)
            || self.attestations.has_ended(now)
            || self.conditions.has_ended(now)
            || self.issued.has_ended(now)
    }

    /// Forgets some of what ended before this time.
    pub fn forget_ended(&mut self, now: Seconds) {
        self.postures.forget_ended(now);
        self.revocations.forget_ended(now);
        self.attestations.forget_ended(now);
        self.conditions.forget_ended(now);
        self.issued.forget_ended(now);
        // What was made before that has ended too.
        let kept = STATEMENT_SECONDS_AT_MOST.saturating_add(KEPT_AFTER_END_SECONDS);
        self.left.retain(|_, left| left.saturating_add(kept) >= now.get());
    }

    /// Every fact that may still hold, but issued roots: of them only the digest is kept. In no order.
    pub fn alive(&self) -> impl Iterator<Item = AliveFact> {
        fn alive<F: Clone + Into<Entry>>(recorded: &Recorded<F>) -> AliveFact {
            AliveFact { index: recorded.index, time: recorded.time, entry: recorded.fact.clone().into() }
        }
        let activation = self.activation.iter().map(|activation| alive(activation));
        let postures = self.postures.iter().map(alive);
        let revocations = self.revocations.iter().map(alive);
        let attestations = self.attestations.iter().map(alive);
        let conditions = self.conditions.iter().map(alive);
        activation.chain(postures).chain(revocations).chain(attestations).chain(conditions)
    }

    pub fn sizes(&self) -> [TableSize; 5] {
        [
            self.postures.size(),
            self.revocations.size(),
            self.attestations.size(),
            self.conditions.size(),
            self.issued.size(),
        ]
    }

    /// Whether a table is full that can hold what denies. It still takes what denies by itself, such as a revocation. But what
    /// it refuses might have denied too, so nothing is allowed. A root that is missing in the table of issued roots is denied
    /// anyway.
    pub fn are_full(&self) -> bool {
        let deny =
            [self.postures.size(), self.revocations.size(), self.attestations.size(), self.conditions.size()];
        deny.iter().any(|table| table.is_full())
    }
}

impl TableSize {
    fn is_full(self) -> bool {
        self.facts >= self.bound
    }
}
