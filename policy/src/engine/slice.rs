//! The policies of one route, mesh-wide and own together: a mesh slice alone would always deny.

use std::collections::BTreeMap;

use cedar_policy::PolicySet;

use super::fit::Fit;
use super::policies::Advice;

#[derive(Debug)]
pub(crate) struct Slice {
    pub(super) policies: PolicySet,
    pub(super) fit: Fit,
    pub(super) advice: BTreeMap<String, Advice>,
}

impl Slice {
    /// Why the author of a policy refuses.
    pub(crate) fn reason(&self, policy: &str) -> Option<&str> {
        self.advice.get(policy)?.reason.as_deref()
    }

    /// What the author of a policy tells whoever is refused by it.
    pub(crate) fn cure(&self, policy: &str) -> Option<&str> {
        self.advice.get(policy)?.cure.as_deref()
    }

    /// The names of its policies, sorted.
    pub(crate) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.policies.policies().map(|policy| policy.id().to_string()).collect();
        ids.sort();
        ids
    }
}
