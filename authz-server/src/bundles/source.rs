//! Where a signed bundle is looked for: a directory, or an address.

use std::path::PathBuf;
use std::time::Duration;

use super::web::Web;
use crate::bundles::directory;
use crate::config::BundlePlace;
use policy::{BundleRefusal, Files, Parcel};

#[derive(Debug)]
pub(super) enum Source {
    Directory(PathBuf),
    Web(Box<Web>),
}

impl Source {
    pub(super) fn open(place: BundlePlace) -> Result<Source, String> {
        match place {
            BundlePlace::Directory(path) => Ok(Source::Directory(path)),
            BundlePlace::Url(url) => Web::open(url).map(Box::new).map(Source::Web),
        }
    }

    /// How often to look. A directory is read at no cost, and a change should be live within a second; an address answers
    /// that nothing has changed.
    pub(super) fn interval(&self) -> Duration {
        match self {
            Source::Directory(_) => Duration::from_millis(200),
            Source::Web(_) => Duration::from_secs(1),
        }
    }

    pub(super) fn manifest(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        match self {
            Source::Directory(path) => directory::manifest(path),
            Source::Web(web) => web.manifest(),
        }
    }

    pub(super) fn note(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        match self {
            Source::Directory(path) => directory::note(path),
            Source::Web(web) => web.note(),
        }
    }

    /// The chain of trust.
    pub(super) fn trust(&mut self) -> Result<Vec<Vec<u8>>, BundleRefusal> {
        match self {
            Source::Directory(path) => directory::trust(path),
            Source::Web(web) => web.trust(),
        }
    }

    /// The files of a bundle that is vouched for; `at_hand` is what need not be fetched again.
    pub(super) fn content(&mut self, head: &Parcel, at_hand: &Files) -> Result<Files, BundleRefusal> {
        match self {
            Source::Directory(path) => directory::content(path, &head.manifest),
            Source::Web(web) => web.content(&head.manifest, at_hand),
        }
    }

    /// Leaves our own note where the bundle is, for the next start. An address takes none.
    pub(super) fn keep_note(&self, note: &[u8]) -> std::io::Result<()> {
        match self {
            Source::Directory(path) => directory::publish_note(note, path),
            Source::Web(_) => Ok(()),
        }
    }
}
