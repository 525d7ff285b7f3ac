//! The test coverage of a bundle: which policies decided a case, and which requirements denied one.

use warrant::Denial;

use super::run::TestOutcome;
use crate::routes::Policy;
use crate::routes::Route;

/// The test coverage of one route.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Coverage {
    pub route: String,
    /// Each policy, sorted, with the number of cases it decided.
    pub policies: Vec<(String, usize)>,
    /// Each requirement that a test can violate, with the number of cases that did.
    pub requirements: Vec<(&'static str, usize)>,
}

pub(crate) fn coverage(policy: &Policy, outcomes: &[TestOutcome]) -> Vec<Coverage> {
    let mut all: Vec<_> = policy.routes.iter().map(|route| of(route, outcomes)).collect();
    all.sort_by(|one, other| one.route.cmp(&other.route));
    all
}

fn of(route: &Route, outcomes: &[TestOutcome]) -> Coverage {
    let on_route = || outcomes.iter().filter(|outcome| outcome.judged.route.as_deref() == Some(route.name()));
    let hits = |id: &String| on_route().filter(|outcome| outcome.judged.policies.contains(id)).count();
    let denials = |code: Denial| on_route().filter(|outcome| outcome.judged.denial == Some(code)).count();
    Coverage {
        route: route.name().to_owned(),
        policies: route.policies().into_iter().map(|id| (id.clone(), hits(&id))).collect(),
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
