//! A bundle that was in force once, opened to look back at what it decided, or one that might be, to see what it would.
//!
//! Nobody's signature is asked for: its digest is on record, and that names every byte of it. So what comes out is a type
//! of its own, and there is no way from it to what a server judges by.

use std::ops::Deref;

use super::Bundle;
use super::manifest::{ENGINE, Manifest};
use super::opening::files_are_those;
use super::parcel::{MANIFEST, Parcel};
use super::refusal::Refusal;
use crate::assembly;
use crate::documents::files::{self, Form};
use crate::fault::Faults;
use warrant::Digest;

/// Judges again, and is never in force.
#[derive(Debug)]
pub struct Past(Bundle);

impl Past {
    /// The bundle in a parcel, whoever signed it and whenever it held; its files are those that its manifest names.
    pub fn open(parcel: &Parcel) -> Result<Past, Refusal> {
        let (manifest, _, payload) = Manifest::open(MANIFEST, &parcel.manifest)?;
        if manifest.engine != ENGINE {
            return Err(Refusal::OtherEngine { found: manifest.engine, wanted: ENGINE });
        }
        files_are_those(parcel, &manifest)?;
        let faults = Faults::new();
        let policy = files::read(&parcel.files, Form::Json, &faults)
            .and_then(|documents| assembly::assemble(documents, &faults))
            .ok_or_else(|| Refusal::Unsound { faults: faults.into_sorted() })?;
        let files = parcel.files.clone();
        Ok(Past(Bundle::new(policy, manifest, Digest::of(&payload), Default::default(), files)))
    }
}

impl Deref for Past {
    type Target = Bundle;

    fn deref(&self) -> &Bundle {
        &self.0
    }
}
