//! The postures: how much is allowed in the mesh, an environment, a route, or for an issuer. The strictest that applies
//! holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::FactRefused;
use ledger::entry::{FactScope, Posture, PostureChange};
use rpds::{HashTrieMapSync, RedBlackTreeSetSync};
use warrant::Seconds;

use super::{FORGOTTEN_AT_ONCE, Recorded, TableSize};

const BOUND: usize = 100_000;

/// For how long it is remembered that a posture is normal again. Until then a caller can name that entry in `replaces`.
const NORMAL_KEPT_SECONDS: u64 = 24 * 3600;

/// The newest entry of each scope and subject.
#[derive(Clone, Debug, Default)]
pub struct Postures {
    mesh: Subjects,
    environments: Subjects,
    routes: Subjects,
    issuers: Subjects,
    /// Those that are normal, by the second after which they can be forgotten.
    normal: RedBlackTreeSetSync<(u64, FactScope, Arc<str>)>,
    /// How often a posture was set.
    changes: u64,
}

type Subjects = HashTrieMapSync<Arc<str>, Arc<Recorded<PostureChange>>>;

/// The places of an environment, each written `dimension=value`, as a halt names one.
#[must_use]
pub fn places_of(environment: &BTreeMap<String, String>) -> Vec<String> {
    environment.iter().map(|(dimension, value)| format!("{dimension}={value}")).collect()
}

impl Postures {
    /// Where nothing was recorded, the posture is normal.
    pub fn stance(&self, scope: FactScope, subject: &str) -> Posture {
        self.newest(scope, subject).map_or(Posture::Normal, |newest| newest.fact.stance)
    }

    /// The strictest of the mesh's posture and those of these environments, each written `dimension=value`.
    pub fn of_server(&self, environments: &[String]) -> Posture {
        let stances = environments.iter().map(|place| self.stance(FactScope::Environment, place));
        stances.fold(self.stance(FactScope::Mesh, ""), Posture::max)
    }

    /// The strictest of those, and of this issuer's.
    pub fn of_issuer(&self, iss: &str, environments: &[String]) -> Posture {
        self.of_server(environments).max(self.stance(FactScope::Issuer, iss))
    }

    pub fn newest(&self, scope: FactScope, subject: &str) -> Option<&Recorded<PostureChange>> {
        self.of(scope).get(subject).map(|newest| &**newest)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Recorded<PostureChange>> {
        let all = [&self.mesh, &self.environments, &self.routes, &self.issuers];
        all.into_iter().flat_map(|subjects| subjects.values().map(|newest| &**newest))
    }

    /// It differs after each change.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn size(&self) -> TableSize {
        let all = [&self.mesh, &self.environments, &self.routes, &self.issuers];
        TableSize { name: "postures", facts: all.iter().map(|subjects| subjects.size()).sum(), bound: BOUND }
    }

    /// What loosens must name the entry that it replaces: a delayed `resume` must not undo a newer halt. What names an entry
    /// must name the newest, also if it tightens: the record must not say what is not so.
    pub(super) fn check(&self, change: &PostureChange) -> Result<(), FactRefused> {
        let newest = self.newest(change.scope, &change.subject);
        let current = newest.map_or(Posture::Normal, |newest| newest.fact.stance);
        let index = newest.map(|newest| newest.index);
        let must_match = change.stance < current || change.replaces.is_some();
        if must_match && change.replaces != index {
            return Err(FactRefused::Conflict { newest: index });
        }
        let changes_nothing = newest.is_none() && change.stance == Posture::Normal;
        if changes_nothing && self.size().is_full() { Err(FactRefused::Full) } else { Ok(()) }
    }

    pub(super) fn add(&mut self, index: u64, time: u64, change: &PostureChange) {
        self.remove(change.scope, &change.subject);
        self.changes = self.changes.wrapping_add(1);
        let subject: Arc<str> = change.subject.as_str().into();
        let recorded = Recorded { index, time, fact: change.clone() };
        if let Some(end) = forgotten_after(&recorded) {
            self.normal.insert_mut((end, change.scope, Arc::clone(&subject)));
        }
        self.of_mut(change.scope).insert_mut(subject, Arc::new(recorded));
    }

    pub(super) fn has_ended(&self, now: Seconds) -> bool {
        self.normal.first().is_some_and(|(end, _, _)| *end < now.get())
    }

    pub(super) fn forget_ended(&mut self, now: Seconds) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some((_, scope, subject)) =
                self.normal.first().filter(|(end, _, _)| *end < now.get()).cloned()
            else {
                return;
            };
            self.remove(scope, &subject);
        }
    }

    fn remove(&mut self, scope: FactScope, subject: &str) {
        let Some(held) = self.of(scope).get(subject).cloned() else { return };
        if let Some(end) = forgotten_after(&held) {
            self.normal.remove_mut(&(end, scope, subject.into()));
        }
        self.of_mut(scope).remove_mut(subject);
    }

    fn of(&self, scope: FactScope) -> &Subjects {
        match scope {
            FactScope::Mesh => &self.mesh,
            FactScope::Environment => &self.environments,
            FactScope::Route => &self.routes,
            FactScope::Issuer => &self.issuers,
        }
    }

    fn of_mut(&mut self, scope: FactScope) -> &mut Subjects {
        match scope {
            FactScope::Mesh => &mut self.mesh,
            FactScope::Environment => &mut self.environments,
            FactScope::Route => &mut self.routes,
            FactScope::Issuer => &mut self.issuers,
        }
    }
}

/// The second after which it can be forgotten; `None` if it is halted or restricted.
fn forgotten_after(recorded: &Recorded<PostureChange>) -> Option<u64> {
    let is_normal = recorded.fact.stance == Posture::Normal;
    is_normal.then(|| (recorded.time / 1000).saturating_add(NORMAL_KEPT_SECONDS))
}
