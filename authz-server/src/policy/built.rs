//! A bundle's directory, read and found good: what may be signed.

use warrant::Seconds;

use super::assembly::{self, Policy};
use super::fault::{Fault, Faults, Placed};
use super::route::Route;
use super::sources::{self, Files, Form};
use super::warning::{Notice, Warning};

#[derive(Debug)]
pub struct Built {
    policy: Policy,
    packed: Files,
}

impl Built {
    /// Builds from the files of a directory, by name; every fault at once.
    pub fn from_files(files: &Files) -> Result<Self, Vec<Fault>> {
        let faults = Faults::new();
        let built = sources::read(files, Form::Yaml, &faults).and_then(|mut documents| {
            let packed = std::mem::take(&mut documents.packed);
            assembly::assemble(documents, &faults).map(|policy| Self { policy, packed })
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
        warnings.sort();
        warnings.dedup();
        warnings
    }

    /// Every file as a bundle holds it.
    pub(crate) fn packed(&self) -> &Files {
        &self.packed
    }
}

/// An exception that is over says nothing any more; one without an end in sight is no exception.
fn until_is_near(until: &Placed<u64>, now: Seconds) -> Option<Notice> {
    const FAR: u64 = 90 * 86_400;
    if until.value <= now.get() {
        return Some(Notice::new(until.at, "until-past", "`until` is over", "take the exception out, or give it a new day"));
    }
    (until.value > now.get().saturating_add(FAR))
        .then(|| Notice::new(until.at, "until-far", "`until` is more than 90 days ahead", "choose a nearer day: exceptions are renewed, not forgotten"))
}
