//! The test coverage of a bundle: which policies decided a case, and which requirements denied one.

use warrant::Denial;

use super::run::{ISSUANCE, OPERATORS, TestOutcome};
use crate::routes::Policy;
use crate::routes::Route;

/// The test coverage of one route.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Coverage {
    /// The route, or `operators` or `issuance` for that text.
    pub route: String,
    /// Each policy with the number of cases it decided: first the route's own, then mesh-wide ones, each sorted.
    pub policies: Vec<(String, usize)>,
    /// Each requirement that a test can violate, with the number of cases that did.
    pub requirements: Vec<(&'static str, usize)>,
}

/// Routes with tests come first: they are the ones that their author works on. `operators.cedar` and
/// `issuance.cedar` come last, unless they have neither policies nor tests.
pub(crate) fn coverage(policy: &Policy, outcomes: &[TestOutcome]) -> Vec<Coverage> {
    let is_untested = |name: &str| !outcomes.iter().any(|outcome| outcome.route == name);
    let mut routes: Vec<_> = policy.routes.iter().collect();
    routes.sort_by_cached_key(|route| (is_untested(route.name()), route.name().to_owned()));
    let top = [(OPERATORS, policy.operators().policies()), (ISSUANCE, policy.issuance().policies())];
    let top = top.into_iter().filter_map(|(name, policies)| of_text(name, policies, outcomes));
    routes.into_iter().map(|route| of(route, outcomes)).chain(top).collect()
}

/// The coverage of a top text of policies.
fn of_text(name: &str, policies: Vec<String>, outcomes: &[TestOutcome]) -> Option<Coverage> {
    let of_them = || outcomes.iter().filter(|outcome| outcome.route == name);
    let hits = |id: &String| of_them().filter(|outcome| outcome.judged.policies.contains(id)).count();
    let policies: Vec<_> = policies.into_iter().map(|id| (id.clone(), hits(&id))).collect();
    (!policies.is_empty() || of_them().next().is_some()).then(|| Coverage {
        route: name.to_owned(),
        policies,
        requirements: Vec::new(),
    })
}

fn of(route: &Route, outcomes: &[TestOutcome]) -> Coverage {
    let on_route = || outcomes.iter().filter(|outcome| outcome.judged.route.as_deref() == Some(route.name()));
    let hits = |id: &String| on_route().filter(|outcome| outcome.judged.policies.contains(id)).count();
    let denials = |code: Denial| on_route().filter(|outcome| outcome.judged.denial == Some(code)).count();
    let mut policies = route.policies();
    policies.sort_by_key(|id| !id.strip_prefix(route.name()).is_some_and(|rest| rest.starts_with('/')));
    Coverage {
        route: route.name().to_owned(),
        policies: policies.into_iter().map(|id| (id.clone(), hits(&id))).collect(),
        requirements: requirements(route).into_iter().map(|(name, code)| (name, denials(code))).collect(),
    }
}

fn requirements(route: &Route) -> Vec<(&'static str, Denial)> {
    let require = route.require();
    let all = [
        ("use", Denial::UseTooWide, require.uses != crate::UseLimit::Any),
        ("maxLifetime", Denial::LifetimeTooLong, true),
        ("maxDepth", Denial::LineageTooDeep, require.max_depth.is_some()),
        ("issued", Denial::NotIssued, require.issued),
        ("environment", Denial::EnvironmentMismatch, !require.environment.is_empty()),
        ("conditions", Denial::ConditionUnmet, !require.conditions.is_empty()),
        ("args", Denial::ArgumentsInvalid, !route.args().is_empty()),
    ];
    all.into_iter().filter(|(_, _, is_required)| *is_required).map(|(name, code, _)| (name, code)).collect()
}
