//! The source of a signed bundle: a directory or a URL.

use std::path::PathBuf;
use std::time::Duration;

use super::SourceError;
use super::web::Web;
use crate::bundles::directory;
use crate::config::BundlePlace;
use policy::{BundleRefusal, Files, Parcel};

#[derive(Debug)]
pub(crate) enum BundleSource {
    Directory(PathBuf),
    Web(Box<Web>),
}

impl BundleSource {
    pub(crate) fn open(place: BundlePlace) -> Result<BundleSource, SourceError> {
        match place {
            BundlePlace::Directory(path) => Ok(BundleSource::Directory(path)),
            BundlePlace::Url(url) => Web::open(url).map(Box::new).map(BundleSource::Web),
        }
    }

    /// How often to look. Reading a directory costs nothing, and a change should be live within a second; at a URL
    /// the server answers that nothing has changed.
    pub(crate) fn interval(&self) -> Duration {
        match self {
            BundleSource::Directory(_) => Duration::from_millis(200),
            BundleSource::Web(_) => Duration::from_secs(1),
        }
    }

    pub(crate) fn manifest(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::manifest(path),
            BundleSource::Web(web) => web.manifest(),
        }
    }

    pub(crate) fn note(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::note(path),
            BundleSource::Web(web) => web.note(),
        }
    }

    /// The chain of trust.
    pub(crate) fn trust(&mut self) -> Result<Vec<Vec<u8>>, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::trust(path),
            BundleSource::Web(web) => web.trust(),
        }
    }

    /// The files of a bundle whose signatures were verified; files in `known` need not be fetched again.
    pub(crate) fn content(&mut self, head: &Parcel, known: &Files) -> Result<Files, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::content(path, &head.manifest),
            BundleSource::Web(web) => web.content(&head.manifest, known),
        }
    }

    /// The manifest of the routes over a base that are offered.
    pub(crate) fn routes_manifest(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::routes_manifest(path),
            BundleSource::Web(web) => web.routes_manifest(),
        }
    }

    pub(crate) fn routes_note(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::routes_note(path),
            BundleSource::Web(web) => web.routes_note(),
        }
    }

    /// The files of routes whose signatures were verified.
    pub(crate) fn routes_content(&mut self, manifest: &[u8], known: &Files) -> Result<Files, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::routes_content(path, manifest),
            BundleSource::Web(web) => web.routes_content(manifest, known),
        }
    }

    /// Writes our own note next to the bundle, for the next start. A URL accepts none.
    pub(crate) fn save_note(&self, note: &[u8]) -> std::io::Result<()> {
        match self {
            BundleSource::Directory(path) => directory::publish_note(note, path),
            BundleSource::Web(_) => Ok(()),
        }
    }
}
