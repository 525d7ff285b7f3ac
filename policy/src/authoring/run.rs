//! Runs the tests of a bundle, and reports which cases fail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use warrant::{Denial, Seconds};

use super::judge::{JudgedCase, JudgedSituation, judge};
use crate::documents::issuance::GrantLimits;
use crate::documents::issuance::IssueQuery;
use crate::documents::issuance_tests::{IssuanceCase, IssuanceTestsDoc};
use crate::documents::operator_tests::OperatorTestsDoc;
use crate::documents::route_tests::{CaseHead, ExpectedResult, TestsDoc};
use crate::documents::times::duration_text;
use crate::fault::{Faults, FileFaults, Place};
use crate::issuing::issue;
use crate::routes::Policy;

/// The time of a test that names none: noon of a day in 2026, so that a test has the same result on every
/// day.
const NOON: Seconds = Seconds::new(1_767_268_800);

/// The result of one test case.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TestOutcome {
    /// The route, or `operators` or `issuance` for a test of that text.
    pub route: String,
    pub case: String,
    /// Whether the case got the result that it expects.
    pub passed: bool,
    pub judged: JudgedCase,
}

/// The results of all tests.
#[derive(Debug, Default)]
pub(crate) struct TestRun {
    pub(crate) outcomes: Vec<TestOutcome>,
    /// How many cases did not pass.
    pub(crate) failing: usize,
    /// How many cases failed only because no proxy serves their host, by the file of the tests and the host; with the first of them.
    unserved: BTreeMap<(PathBuf, String), (Place, usize)>,
}

/// All tests of a bundle.
#[derive(Debug)]
pub(crate) struct Tests<'a> {
    pub(crate) routes: &'a [TestsDoc],
    pub(crate) operators: Option<&'a OperatorTestsDoc>,
    pub(crate) issuance: Option<&'a IssuanceTestsDoc>,
}

/// Runs every test, and reports each failure with the place of its case. A host that no proxy serves is
/// reported once in each file.
pub(crate) fn run(policy: &Policy, tests: &Tests<'_>, faults: &Faults) -> TestRun {
    let mut run = TestRun::default();
    for tests in tests.routes {
        run.one(policy, tests, faults.in_file(&tests.file));
    }
    if let Some(tests) = tests.operators {
        run.operators(policy, tests, faults.in_file(&tests.file));
    }
    if let Some(tests) = tests.issuance {
        run.issuance(policy, tests, faults.in_file(&tests.file));
    }
    // It is the fault of the tests' own file: who signs routes over a base does not see the faults of the base's files.
    for ((file, host), (at, cases)) in &run.unserved {
        let what = format!(
            "no proxy serves `{host}`, so every request there is `target-mismatch`, and tests fail for this reason alone: {cases}"
        );
        let instead = "add the host to a proxy in proxies.yaml, or correct its name in the route";
        faults.in_file(file).fault(*at, what, instead);
    }
    run
}

/// The name under which the tests of `operators.cedar` are listed. No route has it.
pub(crate) const OPERATORS: &str = "operators";
/// The name under which those of `issuance.cedar` are listed.
pub(crate) const ISSUANCE: &str = "issuance";

impl TestRun {
    fn operators(&mut self, policy: &Policy, tests: &OperatorTestsDoc, faults: FileFaults<'_>) {
        for case in &tests.cases {
            let (denial, policies, detail) = match policy.operators().decide(&case.query) {
                Ok(permitted) => (None, permitted.policies, None),
                Err(denied) => (Some(denied.denial), denied.policies, denied.reason),
            };
            let judged = JudgedCase { route: None, denial, policies, detail };
            let passed = self.check(&case.head, &judged, None, faults);
            self.add(OPERATORS, &case.head, passed, judged);
        }
    }

    fn issuance(&mut self, policy: &Policy, tests: &IssuanceTestsDoc, faults: FileFaults<'_>) {
        for case in &tests.cases {
            let (judged, limits) = issued(policy, case);
            let mut passed = self.check(&case.head, &judged, None, faults);
            if let (Some(limits), Some(gets)) = (limits, &case.gets)
                && !gets.value.are(limits)
            {
                passed = false;
                let uses = limits.uses.map_or("unlimited".to_owned(), |uses| uses.to_string());
                faults.fault(
                    gets.at,
                    format!(
                        "the case `{}` fails: the warrant has lifetime {}, use {uses} and depth {}",
                        case.head.name,
                        duration_text(limits.lifetime),
                        limits.depth
                    ),
                    "correct the policy or the expectation",
                );
            }
            self.add(ISSUANCE, &case.head, passed, judged);
        }
    }

    fn add(&mut self, route: &str, head: &CaseHead, passed: bool, judged: JudgedCase) {
        self.failing = self.failing.saturating_add(usize::from(!passed));
        let (route, case) = (route.to_owned(), head.name.clone());
        self.outcomes.push(TestOutcome { route, case, passed, judged });
    }

    fn one(&mut self, policy: &Policy, tests: &TestsDoc, faults: FileFaults<'_>) {
        let Some(route) = policy.route_named(&tests.name.value) else {
            faults.fault(
                tests.name.at,
                format!("there is no governed route `{}`", tests.name.value),
                "write the route, or remove its tests",
            );
            return;
        };
        for case in &tests.cases {
            let now = case.situation.now.map_or(NOON, Seconds::new);
            match judge(policy, route, &case.situation, now) {
                Err(why) => {
                    self.failing = self.failing.saturating_add(1);
                    faults.fault(
                        case.head.at,
                        format!("the case `{}`: {why}", case.head.name),
                        "correct the request or the warrant in the case",
                    );
                }
                Ok(JudgedSituation { judged, unserved_host }) => {
                    let passed = self.check(&case.head, &judged, unserved_host, faults);
                    self.add(&tests.name.value, &case.head, passed, judged);
                }
            }
        }
    }

    /// Whether the case got the result that it expects.
    fn check(
        &mut self,
        case: &CaseHead,
        judged: &JudgedCase,
        unserved_host: Option<String>,
        faults: FileFaults<'_>,
    ) -> bool {
        let Some((at, what)) = difference(case, judged) else { return true };
        match unserved_host.filter(|_| judged.denial == Some(Denial::TargetMismatch)) {
            Some(host) => {
                let (_, cases) = self.unserved.entry((faults.file.to_owned(), host)).or_insert((case.at, 0));
                *cases = cases.saturating_add(1);
            }
            None => faults.fault(
                at,
                format!("the case `{}` fails: {what}", case.name),
                "correct the policy or the expectation",
            ),
        }
        false
    }
}

/// What the policies and the law say of a case of issuance, with the limits of the warrant if there is one.
fn issued(policy: &Policy, case: &IssuanceCase) -> (JudgedCase, Option<GrantLimits>) {
    let query = IssueQuery { now: case.now.map_or(NOON, Seconds::new), ..case.query.clone() };
    let (denial, policies, detail, limits) = match policy.issuance().decide(&query) {
        Err(denied) => (Some(denied.denial), denied.policies, denied.reason, None),
        Ok(permitted) => match issue(&case.wanted, &permitted, |name| policy.grant(name)) {
            Ok(issue) => (None, issue.policies, None, Some(issue.limits)),
            Err(why) => (Some(Denial::PolicyDenied), Vec::new(), Some(why.to_string()), None),
        },
    };
    (JudgedCase { route: None, denial, policies, detail }, limits)
}

fn difference(case: &CaseHead, judged: &JudgedCase) -> Option<(Place, String)> {
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
