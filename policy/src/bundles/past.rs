//! Opens a bundle that was in force earlier, to judge recorded decisions again, or a candidate, to see what
//! it would decide.
//!
//! Signatures are not checked: the record has the bundle's digest, which determines every byte of it. So the
//! result is a type of its own, and a server cannot put it in force.

use std::ops::Deref;

use super::Bundle;
use super::base::Base;
use super::manifest::{Manifest, RoutesManifest};
use super::open::{packed, read_documents};
use super::parcel::{MANIFEST, Parcel, ROUTES_MANIFEST};
use super::refusal::BundleRefusal;

/// A bundle that can judge again, but can never be in force.
#[derive(Debug)]
pub struct PastBundle(Bundle);

impl PastBundle {
    /// The bundle in a parcel, with any signatures and any time window. Its files must be those that its
    /// manifests name.
    pub fn open(parcel: &Parcel) -> Result<PastBundle, BundleRefusal> {
        let read = Manifest::open(MANIFEST, &parcel.manifest)?;
        read.manifest.check_engine()?;
        read.manifest.check_files(&parcel.files)?;
        let digest = read.digest();
        let base = Base::read(read.manifest, digest, Default::default(), parcel.files.clone(), None)?;
        let routes = match &parcel.routes {
            None => None,
            Some(routes) => {
                let read = RoutesManifest::open(ROUTES_MANIFEST, &routes.manifest)?;
                read.manifest.check_engine()?;
                read.manifest.check_files(&routes.files)?;
                read.manifest.check_over(digest)?;
                Some((read.digest(), read.manifest))
            }
        };
        let policy = read_documents(&parcel.files, parcel.routes.as_ref())?;
        let packed = packed(&base, parcel.routes.as_ref());
        Ok(PastBundle(Bundle::new(policy, base, routes, packed)))
    }
}

impl Deref for PastBundle {
    type Target = Bundle;

    fn deref(&self) -> &Bundle {
        &self.0
    }
}
