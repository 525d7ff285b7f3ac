//! The answer: permitted by whom, or refused, by whom and why.

use cedar_policy::{AuthorizationError, Authorizer, Decision};
use warrant::Denial;

use super::ask::Asked;
use super::context;
use super::policies::Advice;
use super::slice::Slice;
use super::stack;
use crate::documents::groups::Groups;

/// The policy permits: which policies did, by id, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub policies: Vec<String>,
}

/// The policy does not permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub denial: Denial,
    /// What the policy's author says of it.
    pub reason: Option<String>,
    pub cure: Option<String>,
    /// Which policies forbade, or erred, by id, sorted; none where nothing permitted.
    pub policies: Vec<String>,
}

/// Asks the policy of this route.
pub(crate) fn decide(
    slice: &Slice,
    route: &str,
    groups: &Groups,
    asked: &Asked<'_>,
) -> Result<Decided, Refused> {
    stack::on_a_deep_stack(|| judge(slice, route, groups, asked)).unwrap_or_else(|| Err(internal()))
}

fn judge(slice: &Slice, route: &str, groups: &Groups, asked: &Asked<'_>) -> Result<Decided, Refused> {
    let (request, entities) = context::request(slice, route, groups, asked).ok_or_else(internal)?;
    let response = Authorizer::new().is_authorized(&request, &slice.policies, &entities);
    // Cedar skips a policy that errs, a forbid included: what it answers then is not what was written.
    let mut errors: Vec<_> = response.diagnostics().errors().map(error_of).collect();
    errors.sort();
    if errors.iter().any(|(_, is_recursion)| *is_recursion) {
        return Err(internal());
    }
    if !errors.is_empty() {
        return Err(refused(Denial::PolicyError, errors.into_iter().map(|(id, _)| id).collect(), slice));
    }
    let mut policies: Vec<_> = response.diagnostics().reason().map(ToString::to_string).collect();
    policies.sort();
    match response.decision() {
        Decision::Allow => Ok(Decided { policies }),
        Decision::Deny => Err(refused(Denial::PolicyDenied, policies, slice)),
    }
}

/// Which policy erred, and whether only because the stack ran out: then no answer is the policy's.
pub(super) fn error_of(error: &AuthorizationError) -> (String, bool) {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    (error.policy_id().to_string(), error.inner().to_string().contains("recursion limit"))
}

fn refused(denial: Denial, policies: Vec<String>, slice: &Slice) -> Refused {
    let Advice { reason, cure } =
        policies.first().and_then(|first| slice.advice.get(first)).cloned().unwrap_or_default();
    Refused { denial, reason, cure, policies }
}

fn internal() -> Refused {
    Refused { denial: Denial::Internal, reason: None, cure: None, policies: Vec::new() }
}
