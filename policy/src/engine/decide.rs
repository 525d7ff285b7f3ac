//! The answer of the policies: permitted or not, by which policies, and why.

use std::collections::BTreeMap;

use cedar_policy::{AuthorizationError, Authorizer, Decision, Entities, PolicySet, Request};
use warrant::Denial;

use super::ask::PolicyQuery;
use super::context;
use super::policies::Advice;
use super::slice::Slice;
use super::stack;
use crate::documents::groups::Groups;

/// The policies permit; which of them did, by id, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted {
    pub policies: Vec<String>,
}

/// The policies do not permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPermitted {
    pub denial: Denial,
    /// The `@reason` that the policy's author gave.
    pub reason: Option<String>,
    pub cure: Option<String>,
    /// Which policies forbade or failed, by id, sorted; empty if no policy permitted.
    pub policies: Vec<String>,
}

/// Asks the policies of this route.
pub(crate) fn decide(
    slice: &Slice,
    route: &str,
    groups: &Groups,
    query: &PolicyQuery<'_>,
) -> Result<Permitted, NotPermitted> {
    stack::on_a_deep_stack(|| judge(slice, route, groups, query)).unwrap_or_else(|| Err(internal()))
}

fn judge(
    slice: &Slice,
    route: &str,
    groups: &Groups,
    query: &PolicyQuery<'_>,
) -> Result<Permitted, NotPermitted> {
    let (request, entities) = context::request(slice, route, groups, query).ok_or_else(internal)?;
    answer(&slice.policies, &slice.advice, &request, &entities)
}

/// What these policies answer. An error in any of them denies.
pub(super) fn answer(
    all: &PolicySet,
    advice: &BTreeMap<String, Advice>,
    request: &Request,
    entities: &Entities,
) -> Result<Permitted, NotPermitted> {
    let response = Authorizer::new().is_authorized(request, all, entities);
    // Cedar skips a policy that fails, even a forbid: its answer is then not what the author wrote.
    let mut errors: Vec<_> = response.diagnostics().errors().map(error_of).collect();
    errors.sort();
    if errors.iter().any(|(_, is_recursion)| *is_recursion) {
        return Err(internal());
    }
    if !errors.is_empty() {
        let failed = errors.into_iter().map(|(id, _)| id).collect();
        return Err(not_permitted(Denial::PolicyError, failed, advice));
    }
    let mut policies: Vec<_> = response.diagnostics().reason().map(ToString::to_string).collect();
    policies.sort();
    match response.decision() {
        Decision::Allow => Ok(Permitted { policies }),
        Decision::Deny => Err(not_permitted(Denial::PolicyDenied, policies, advice)),
    }
}

/// Which policy failed, and whether only because the stack ran out: then the policy itself gave no answer.
pub(super) fn error_of(error: &AuthorizationError) -> (String, bool) {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    (error.policy_id().to_string(), error.inner().to_string().contains("recursion limit"))
}

pub(super) fn not_permitted(
    denial: Denial,
    policies: Vec<String>,
    advice: &BTreeMap<String, Advice>,
) -> NotPermitted {
    let Advice { reason, cure } =
        policies.first().and_then(|first| advice.get(first)).cloned().unwrap_or_default();
    NotPermitted { denial, reason, cure, policies }
}

pub(super) fn internal() -> NotPermitted {
    NotPermitted { denial: Denial::Internal, reason: None, cure: None, policies: Vec::new() }
}
