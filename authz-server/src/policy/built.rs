//! A bundle's directory, read and found good: what may be signed.

use super::assembly::{self, Policy};
use super::fault::{Fault, Faults};
use super::route::Route;
use super::sources::{self, Files, Form};

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

    /// Every file as a bundle holds it.
    pub(crate) fn packed(&self) -> &Files {
        &self.packed
    }
}
