//! A bundle's directory, read and found good: what may be signed.

use warrant::Seconds;

use super::coverage::{self, Coverage};
use super::run::{self, Outcome};
use super::view::View;
use crate::assembly;
use crate::bundles::{self, SignError, Signed, Signing};
use crate::documents::files::{self, Files, Form};
use crate::fault::{Fault, Faults, Placed};
use crate::routes::{Policy, Route};
use crate::warning::{Notice, Warning};

/// Documents that are sound, and their tests, judged: to be looked at, and to be signed when all of them pass.
#[derive(Debug)]
pub struct Tested {
    built: Built,
    failures: Vec<Fault>,
}

#[derive(Debug)]
pub struct Built {
    policy: Policy,
    packed: Files,
    outcomes: Vec<Outcome>,
}

impl Tested {
    /// Reads the files of a directory, by name, and judges their tests; every fault of the documents at once.
    pub fn from_files(sources: &Files) -> Result<Self, Vec<Fault>> {
        let (faults, failures) = (Faults::new(), Faults::new());
        let built = files::read(sources, Form::Yaml, &faults).and_then(|mut documents| {
            let packed = std::mem::take(&mut documents.packed);
            let tests = std::mem::take(&mut documents.tests);
            let policy = assembly::assemble(documents, &faults)?;
            let outcomes = run::run(&policy, &tests, &failures);
            faults.is_empty().then_some(Built { policy, packed, outcomes })
        });
        match built {
            Some(built) => Ok(Self { built, failures: failures.into_sorted() }),
            None => Err(faults.into_sorted()),
        }
    }

    /// The tests that fail, each at its case.
    pub fn failures(&self) -> &[Fault] {
        &self.failures
    }

    /// Whether they pass or not: nothing signs what is only borrowed from here.
    pub fn documents(&self) -> &Built {
        &self.built
    }

    /// What may be signed: no test fails.
    pub fn passed(self) -> Result<Built, Vec<Fault>> {
        if self.failures.is_empty() { Ok(self.built) } else { Err(self.failures) }
    }
}

impl Built {
    /// Builds from the files of a directory, by name; every fault at once.
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
        self.policy.by_name.get(name).and_then(|position| self.policy.routes.get(*position))
    }

    /// Every case of every test, as it was judged.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// What the tests reached, route by route.
    pub fn coverage(&self) -> Vec<Coverage> {
        coverage::coverage(&self.policy, &self.outcomes)
    }

    /// To be looked at.
    pub fn view(&self) -> View<'_> {
        View { policy: &self.policy, packed: &self.packed }
    }

    /// What is probably not meant, as of this day; sorted by place.
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

    /// Signs the bundle. What the signatures do not reach is refused here, not first by every server.
    pub fn sign(&self, terms: &Signing<'_>) -> Result<Signed, SignError> {
        bundles::sign(self.audience(), self.packed.clone(), terms)
    }

    /// Every file as a bundle holds it.
    pub fn packed(&self) -> &Files {
        &self.packed
    }
}

/// A caller is a name in a list; a policy that was written as text can be wrong in ways that only a test shows.
fn untested(policy: &Placed<String>) -> Notice {
    Notice::new(
        policy.at,
        "untested-policy",
        format!("no test hits `{}`", policy.value),
        "write a case that it decides, with `because`",
    )
}

/// An exception that is over says nothing any more; one without an end in sight is no exception.
fn until_is_near(until: &Placed<u64>, now: Seconds) -> Option<Notice> {
    const FAR: u64 = 90 * 86_400;
    if until.value <= now.get() {
        return Some(Notice::new(
            until.at,
            "until-past",
            "`until` is over",
            "take the exception out, or give it a new day",
        ));
    }
    (until.value > now.get().saturating_add(FAR)).then(|| {
        Notice::new(
            until.at,
            "until-far",
            "`until` is more than 90 days ahead",
            "choose a nearer day: exceptions are renewed, not forgotten",
        )
    })
}
