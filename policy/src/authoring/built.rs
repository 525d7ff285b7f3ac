//! Builds a bundle from the files of a directory: reads the documents, runs their tests, and only then allows
//! signing.

use warrant::Seconds;

use super::coverage::{self, Coverage};
use super::run::{self, TestOutcome, TestRun};
use super::view::View;
use crate::assembly;
use crate::bundles::{self, Base, RoutesSigning, SignError, SignedBundle, SignedRoutes, Signing};
use crate::documents::files::{self, Documents, Files, Form};
use crate::fault::{Fault, Faults, Placed};
use crate::routes::{Policy, Route};
use crate::warning::{Notice, Warning};

/// Sound documents and the results of their tests. They can be looked at now, and signed if every test
/// passes.
#[derive(Debug)]
pub struct Tested {
    built: Built,
    failures: Vec<Fault>,
    failing: usize,
}

/// Sound documents and the results of their tests. A caller can own one only if every test passed.
#[derive(Debug)]
pub struct Built {
    policy: Policy,
    packed: Files,
    outcomes: Vec<TestOutcome>,
}

impl Tested {
    /// Reads the files of a directory, by name, and runs their tests; or returns every fault of the documents
    /// at once.
    pub fn from_files(sources: &Files) -> Result<Self, Vec<Fault>> {
        let faults = Faults::new();
        let documents = files::read(sources, Form::Yaml, &faults);
        Self::from_documents(documents, faults)
    }

    /// The same for the routes of teams over a base that is signed. Files of the base may lie beside them, if they say what was
    /// signed. The tests of the base were for who signed it: one that names the route of a team must not keep back all others when
    /// the team removes that route.
    pub fn over(base: &Base, sources: &Files) -> Result<Self, Vec<Fault>> {
        let faults = Faults::new();
        let (of_teams, of_base): (Files, Files) = sources
            .iter()
            .map(|(name, bytes)| (name.clone(), bytes.clone()))
            .partition(|(name, _)| base.is_of_a_team(name));
        files::check_same(&of_base, base.files(), &faults);
        let documents = files::read_over(base.files(), Form::Json, Some((&of_teams, Form::Yaml)), &faults);
        Self::over_signed(base, documents, faults)
    }

    /// Builds and tests what was read over a signed base. Only failures of the teams' own tests count.
    pub(super) fn over_signed(base: &Base, documents: Documents, faults: Faults) -> Result<Self, Vec<Fault>> {
        let mut tested = Self::from_documents(documents, faults)?;
        let is_of_a_team = |fault: &Fault| fault.file.to_str().is_some_and(|file| base.is_of_a_team(file));
        tested.failures.retain(is_of_a_team);
        tested.failing = tested.failing.min(tested.failures.len());
        Ok(tested)
    }

    fn from_documents(mut documents: Documents, faults: Faults) -> Result<Self, Vec<Fault>> {
        let failures = Faults::new();
        let packed = std::mem::take(&mut documents.packed);
        let tests = std::mem::take(&mut documents.tests);
        let operator_tests = documents.operator_tests.take();
        let issuance_tests = documents.issuance_tests.take();
        let Some(policy) = assembly::assemble(documents, &faults) else {
            return Err(faults.into_sorted());
        };
        let tests = run::Tests {
            routes: &tests,
            operators: operator_tests.as_ref(),
            issuance: issuance_tests.as_ref(),
        };
        let TestRun { outcomes, failing, .. } = run::run(&policy, &tests, &failures);
        let built = Built { policy, packed, outcomes };
        Ok(Self { built, failures: failures.into_sorted(), failing })
    }

    /// Why tests fail: each case with its place, or a cause that they have in common.
    pub fn failures(&self) -> &[Fault] {
        &self.failures
    }

    /// How many cases fail.
    pub fn failing(&self) -> usize {
        self.failing
    }

    /// The documents, whether their tests pass or not: for display only, never for signing.
    pub fn documents(&self) -> &Built {
        &self.built
    }

    /// The documents for signing, if no test fails.
    pub fn passed(self) -> Result<Built, Vec<Fault>> {
        if self.failures.is_empty() { Ok(self.built) } else { Err(self.failures) }
    }
}

impl Built {
    /// Builds from the files of a directory, by name; or returns every fault or failing test at once.
    pub fn from_files(sources: &Files) -> Result<Self, Vec<Fault>> {
        Tested::from_files(sources).and_then(Tested::passed)
    }

    pub fn audience(&self) -> &str {
        &self.policy.mesh.terms.audience
    }

    pub fn routes(&self) -> &[Route] {
        &self.policy.routes
    }

    pub fn route_named(&self, name: &str) -> Option<&Route> {
        self.policy.route_named(name)
    }

    /// The result of every test case.
    pub fn outcomes(&self) -> &[TestOutcome] {
        &self.outcomes
    }

    /// What the tests covered, route by route.
    pub fn coverage(&self) -> Vec<Coverage> {
        coverage::coverage(&self.policy, &self.outcomes)
    }

    /// The same documents, for display.
    pub fn view(&self) -> View<'_> {
        View { policy: &self.policy, packed: &self.packed }
    }

    /// What the author probably did not intend, as of this time; sorted by place.
    pub fn warnings(&self, now: Seconds) -> Vec<Warning> {
        let mut warnings: Vec<_> = self.policy.notices.iter().map(|(file, notice)| notice.on(file)).collect();
        for (file, until) in &self.policy.untils {
            warnings.extend(until_is_near(until, now).map(|notice| notice.on(file)));
        }
        let covered = run::covered(&self.outcomes);
        for (file, written) in
            self.policy.written.iter().filter(|(_, written)| !covered.contains(written.value.as_str()))
        {
            warnings.push(untested(written).on(file));
        }
        warnings.sort();
        warnings.dedup();
        warnings
    }

    /// Signs the bundle. Too few signing keys are refused here, and not only later by every server. If mesh.yaml names others who
    /// sign the routes of teams, only the base is signed.
    pub fn sign(&self, terms: &Signing<'_>) -> Result<SignedBundle, SignError> {
        bundles::sign(self.audience(), self.base_files()?, terms)
    }

    /// Signs the routes of teams over a base.
    pub fn sign_routes(&self, base: &Base, terms: &RoutesSigning<'_>) -> Result<SignedRoutes, SignError> {
        let is_of_base = |name: &String| !base.is_of_a_team(name);
        let (own, of_teams): (Files, Files) =
            self.packed.clone().into_iter().partition(|(name, _)| is_of_base(name));
        if own != *base.files() {
            return Err(SignError::new("the documents were built over another base".to_owned()));
        }
        bundles::sign_routes(base, of_teams, terms)
    }

    /// The files that are signed offline. Without the routes of teams they must be sound too.
    fn base_files(&self) -> Result<Files, SignError> {
        let terms = files::base_terms(&self.packed).filter(|terms| terms.routes_by.is_some());
        let Some(terms) = terms else { return Ok(self.packed.clone()) };
        let is_of_base = |name: &String| !files::is_of_a_team(name, &terms.platform);
        let base: Files = self.packed.clone().into_iter().filter(|(name, _)| is_of_base(name)).collect();
        match assembly::of_packed(&base, None) {
            Ok(_) => Ok(base),
            Err(faults) => {
                let first = faults.first().map(ToString::to_string).unwrap_or_default();
                Err(SignError::new(format!(
                    "the base is not valid without the routes of teams, which others sign: {first}"
                )))
            }
        }
    }

    /// Every file, in the form that a bundle contains.
    pub fn packed(&self) -> &Files {
        &self.packed
    }
}

/// A caller is only a name in a list, but a policy that is written as text can be wrong in ways that only a
/// test shows.
fn untested(policy: &Placed<String>) -> Notice {
    Notice::new(
        policy.at,
        "untested-policy",
        format!("no test is decided by `{}`", policy.value),
        "write a case that it decides, with `because`",
    )
}

/// An exception that has ended has no effect, and one that ends far in the future is not an exception any
/// more.
fn until_is_near(until: &Placed<u64>, now: Seconds) -> Option<Notice> {
    const FAR: u64 = 90 * 86_400;
    if until.value <= now.get() {
        return Some(Notice::new(
            until.at,
            "until-past",
            "`until` is in the past",
            "remove the exception, or set a new date",
        ));
    }
    (until.value > now.get().saturating_add(FAR)).then(|| {
        Notice::new(
            until.at,
            "until-far",
            "`until` is more than 90 days ahead",
            "choose an earlier date, and renew the exception later if you must",
        )
    })
}
