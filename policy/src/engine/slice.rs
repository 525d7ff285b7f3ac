//! The compiled policies of one route. They include the mesh-wide policies. These only forbid, so a route with
//! nothing else would deny every request.

use std::collections::BTreeMap;

use cedar_policy::PolicySet;

use super::fit::Fit;
use super::policies::Advice;

#[derive(Debug)]
pub(crate) struct Slice {
    pub(super) policies: PolicySet,
    pub(super) fit: Fit,
    pub(super) advice: BTreeMap<String, Advice>,
    /// Whether a policy may read `context.now`. It is made only then: Cedar reads a date with a regular expression.
    pub(super) reads_now: bool,
}

impl Slice {
    /// The `@reason` of a policy.
    pub(crate) fn reason(&self, policy: &str) -> Option<&str> {
        self.advice.get(policy)?.reason.as_deref()
    }

    /// The `@cure` of a policy: what the author advises a denied caller.
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
