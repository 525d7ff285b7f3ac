//! The postures: how much is allowed in the mesh, an environment, a route, or for an issuer. The strictest that applies
//! holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::FactRefused;
use ledger::entry::{FactScope, Posture, PostureChange};

use super::{Recorded, TableSize};

const BOUND: usize = 100_000;

/// The newest entry of each scope and subject.
#[derive(Clone, Debug, Default)]
pub struct Postures(Arc<BTreeMap<(FactScope, String), Recorded<PostureChange>>>);

impl Postures {
    /// Where nothing was recorded, the posture is normal.
    pub fn stance(&self, scope: FactScope, subject: &str) -> Posture {
        // Most meshes have no posture but their own, and then no request needs a text for the look-up.
        if self.0.is_empty() {
            return Posture::Normal;
        }
        self.newest(scope, subject).map_or(Posture::Normal, |newest| newest.fact.stance)
    }

    /// The strictest of the mesh's posture and those of the environments that this server is in.
    pub fn of_server<'a>(&self, environment: impl Iterator<Item = (&'a String, &'a String)>) -> Posture {
        let named = |(dimension, value)| self.stance(FactScope::Environment, &format!("{dimension}={value}"));
        let has_any = self.0.keys().any(|(scope, _)| *scope == FactScope::Environment);
        let environments = environment.filter(|_| has_any).map(named);
        environments.fold(self.stance(FactScope::Mesh, ""), Posture::max)
    }

    pub fn newest(&self, scope: FactScope, subject: &str) -> Option<&Recorded<PostureChange>> {
        self.0.get(&(scope, subject.to_owned()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Recorded<PostureChange>> {
        self.0.values()
    }

    pub(super) fn size(&self) -> TableSize {
        TableSize { name: "postures", facts: self.0.len(), bound: BOUND }
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
        Ok(())
    }

    pub(super) fn add(&mut self, index: u64, time: u64, change: &PostureChange) {
        let recorded = Recorded { index, time, fact: change.clone() };
        Arc::make_mut(&mut self.0).insert((change.scope, change.subject.clone()), recorded);
    }
}
