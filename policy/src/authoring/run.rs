//! Runs the tests of a bundle, and reports which cases fail.

use std::collections::BTreeSet;

use warrant::Seconds;

use super::judge::{JudgedCase, judge};
use crate::documents::route_tests::{ExpectedResult, TestCase, TestsDoc};
use crate::fault::{Faults, Place};
use crate::routes::Policy;

/// The time of a test that names none: noon of a day in 2026, so that a test has the same result on every
/// day.
const NOON: Seconds = Seconds::new(1_767_268_800);

/// The result of one test case.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TestOutcome {
    pub route: String,
    pub case: String,
    /// Whether the case got the result that it expects.
    pub passed: bool,
    pub judged: JudgedCase,
}

/// Runs every test, and reports each failure with the place of its case.
pub(crate) fn run(policy: &Policy, tests: &[TestsDoc], faults: &Faults) -> Vec<TestOutcome> {
    tests.iter().flat_map(|tests| run_one(policy, tests, faults)).collect()
}

fn run_one(policy: &Policy, tests: &TestsDoc, faults: &Faults) -> Vec<TestOutcome> {
    let page = faults.in_file(&tests.file);
    let Some(route) = policy.route_named(&tests.name.value) else {
        page.fault(
            tests.name.at,
            format!("there is no governed route `{}`", tests.name.value),
            "write the route, or remove its tests",
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
                "correct the request or the warrant in the case",
            ),
            Ok(judged) => {
                let difference = difference(case, &judged);
                let passed = difference.is_none();
                if let Some((at, what)) = difference {
                    page.fault(
                        at,
                        format!("the case `{}` fails: {what}", case.name),
                        "correct the policy or the expectation",
                    );
                }
                let route = tests.name.value.clone();
                outcomes.push(TestOutcome { route, case: case.name.clone(), passed, judged });
            }
        }
    }
    outcomes
}

fn difference(case: &TestCase, judged: &JudgedCase) -> Option<(Place, String)> {
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
            format!("the result is `{}`{by}{detail}, but `{}` is expected", found.name(), case.expect.name()),
        ));
    }
    let because = case.because.as_ref().filter(|because| !judged.policies.contains(&because.value))?;
    let by = if by.is_empty() { " by no policy".to_owned() } else { by };
    Some((
        because.at,
        format!("the result is `{}`{by}, but `because` names `{}`", found.name(), because.value),
    ))
}

/// Every policy that decided at least one case.
pub(crate) fn covered(outcomes: &[TestOutcome]) -> BTreeSet<&str> {
    outcomes.iter().flat_map(|outcome| outcome.judged.policies.iter().map(String::as_str)).collect()
}
