//! A bundle's directory, read and found good: what may be signed.

use warrant::Seconds;

use super::assembly::{self, Policy};
use super::fault::{Fault, Faults, Placed};
use super::route::Route;
use super::sources::{self, Files, Form};
use super::testing::{self, Outcome};
use super::warning::{Notice, Warning};

#[derive(Debug)]
pub struct Built {
    policy: Policy,
    packed: Files,
    outcomes: Vec<Outcome>,
}

impl Built {
    /// Builds from the files of a directory, by name; every fault at once.
    pub fn from_files(files: &Files) -> Result<Self, Vec<Fault>> {
        let faults = Faults::new();
        let built = sources::read(files, Form::Yaml, &faults).and_then(|mut documents| {
            let packed = std::mem::take(&mut documents.packed);
            let tests = std::mem::take(&mut documents.tests);
            let policy = assembly::assemble(documents, &faults)?;
            let outcomes = testing::run(&policy, &tests, &faults);
            faults.is_empty().then_some(Self { policy, packed, outcomes })
        });
        built.ok_or_else(|| faults.into_sorted())
    }

    pub fn audience(&self) -> &str {
        &self.policy.mesh.terms.audience
    }

    pub fn routes(&self) -> &[Route] {
        &self.policy.routes
    }

    /// What is probably not meant, as of this day; sorted by place.
    pub fn warnings(&self, now: Seconds) -> Vec<Warning> {
        let mut warnings: Vec<_> = self.policy.notices.iter().map(|(file, notice)| notice.on(file)).collect();
        for (file, until) in &self.policy.untils {
            warnings.extend(until_is_near(until, now).map(|notice| notice.on(file)));
        }
        let covered = testing::covered(&self.outcomes);
        for (file, written) in
            self.policy.written.iter().filter(|(_, written)| !covered.contains(written.value.as_str()))
        {
            warnings.push(untested(written).on(file));
        }
        warnings.sort();
        warnings.dedup();
        warnings
    }

    /// Every file as a bundle holds it.
    pub(crate) fn packed(&self) -> &Files {
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
