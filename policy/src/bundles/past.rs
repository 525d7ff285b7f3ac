//! Opens a bundle that was in force earlier, to judge recorded decisions again, or a candidate, to see what
//! it would decide.
//!
//! Signatures are not checked: the record has the bundle's digest, which determines every byte of it. So the
//! result is a type of its own, and a server cannot put it in force.

use std::ops::Deref;

use super::Bundle;
use super::manifest::{ENGINE, Manifest};
use super::open::check_files;
use super::parcel::{MANIFEST, Parcel};
use super::refusal::BundleRefusal;
use crate::assembly;
use crate::documents::files::{self, Form};
use crate::fault::Faults;
use warrant::Digest;

/// A bundle that can judge again, but can never be in force.
#[derive(Debug)]
pub struct PastBundle(Bundle);

impl PastBundle {
    /// The bundle in a parcel, with any signatures and any time window. Its files must be those that its
    /// manifest names.
    pub fn open(parcel: &Parcel) -> Result<PastBundle, BundleRefusal> {
        let (manifest, _, payload) = Manifest::open(MANIFEST, &parcel.manifest)?;
        if manifest.engine != ENGINE {
            return Err(BundleRefusal::OtherEngine { found: manifest.engine, wanted: ENGINE });
        }
        check_files(parcel, &manifest)?;
        let faults = Faults::new();
        let policy = assembly::assemble(files::read(&parcel.files, Form::Json, &faults), &faults)
            .ok_or_else(|| BundleRefusal::Unsound { faults: faults.into_sorted() })?;
        let files = parcel.files.clone();
        Ok(PastBundle(Bundle::new(policy, manifest, Digest::of(&payload), Default::default(), files)))
    }
}

impl Deref for PastBundle {
    type Target = Bundle;

    fn deref(&self) -> &Bundle {
        &self.0
    }
}
