//! Running the tests of a bundle, and what they covered.

use std::collections::BTreeSet;

use warrant::Seconds;

use super::judge::{Judged, judge};
use crate::documents::route_tests::{ExpectedResult, TestCase, TestsDoc};
use crate::fault::{Faults, Place};
use crate::routes::Policy;

/// When nothing says otherwise it is noon of a day in 2026: a test must answer the same on every day.
const NOON: Seconds = Seconds::new(1_767_268_800);

/// One case, judged.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    pub route: String,
    pub case: String,
    /// Whether it is what the case expects.
    pub passed: bool,
    pub judged: Judged,
}

/// Runs every test; each failure is noted at its case.
pub(crate) fn run(policy: &Policy, tests: &[TestsDoc], faults: &Faults) -> Vec<Outcome> {
    tests.iter().flat_map(|tests| run_one(policy, tests, faults)).collect()
}

fn run_one(policy: &Policy, tests: &TestsDoc, faults: &Faults) -> Vec<Outcome> {
    let page = faults.in_file(&tests.file);
    let Some(route) = policy.by_name.get(&tests.name.value).and_then(|position| policy.routes.get(*position))
    else {
        page.fault(
            tests.name.at,
            format!("there is no governed route `{}`", tests.name.value),
            "write the route, or take its tests out",
        );
        return Vec::new();
    };
    let mut outcomes = Vec::new();
    for case in &tests.cases {
        let now = case.situation.now.map_or(NOON, Seconds::new);
        match judge(policy, route, &case.situation, now) {
            Err(why) => page.fault(
                case.at,
                format!("the case `{}`: {why}", case.name),
                "mend what the case says of the request or the warrant",
            ),
            Ok(judged) => {
                let difference = difference(case, &judged);
                let passed = difference.is_none();
                if let Some((at, what)) = difference {
                    page.fault(
                        at,
                        format!("the case `{}` fails: {what}", case.name),
                        "mend the policy, or what the case expects",
                    );
                }
                let route = tests.name.value.clone();
                outcomes.push(Outcome { route, case: case.name.clone(), passed, judged });
            }
        }
    }
    outcomes
}

fn difference(case: &TestCase, judged: &Judged) -> Option<(Place, String)> {
    let found = judged.denial.map_or(ExpectedResult::Allow, ExpectedResult::Deny);
    let by = if judged.policies.is_empty() {
        String::new()
    } else {
        format!(" by {}", judged.policies.join(", "))
    };
    let detail = judged.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    if found != case.expect {
        return Some((
            case.at,
            format!("it is `{}`{by}{detail}, and `{}` is expected", found.name(), case.expect.name()),
        ));
    }
    let because = case.because.as_ref().filter(|because| !judged.policies.contains(&because.value))?;
    let by = if by.is_empty() { " by no policy".to_owned() } else { by };
    Some((because.at, format!("it is `{}`{by}, and not because of `{}`", found.name(), because.value)))
}

/// Every policy that decided in some case.
pub(crate) fn covered(outcomes: &[Outcome]) -> BTreeSet<&str> {
    outcomes.iter().flat_map(|outcome| outcome.judged.policies.iter().map(String::as_str)).collect()
}
