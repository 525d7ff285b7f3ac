//! The source of a signed bundle: a directory, a URL or an archive.

use std::path::PathBuf;
use std::time::Duration;

use super::archive::Archive;
use super::web::Web;
use super::{SourceError, bounds, directory};
use crate::config::BundlePlace;
use policy::{BundleRefusal, Files, MANIFEST, NOTE, Parcel, ROUTES_MANIFEST, ROUTES_NOTE};

#[derive(Debug)]
pub(crate) enum BundleSource {
    Directory(PathBuf),
    Web(Box<Web>),
    Archive(Archive),
}

impl BundleSource {
    pub(crate) fn open(place: BundlePlace) -> Result<BundleSource, SourceError> {
        match place {
            BundlePlace::Directory(path) => Ok(BundleSource::Directory(path)),
            BundlePlace::Url(url) => Web::open(url).map(Box::new).map(BundleSource::Web),
        }
    }

    /// One file. It may not be there yet.
    pub(crate) fn archive(path: PathBuf) -> BundleSource {
        BundleSource::Archive(Archive::new(path))
    }

    /// How often to look. Reading a directory costs nothing, and a change should be live within a second; at a URL
    /// the server answers that nothing has changed.
    pub(crate) fn interval(&self) -> Duration {
        match self {
            BundleSource::Directory(_) => Duration::from_millis(200),
            BundleSource::Web(_) | BundleSource::Archive(_) => Duration::from_secs(1),
        }
    }

    /// The manifest. The content of an archive is read here, and the other functions speak of the same archive.
    pub(crate) fn manifest(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::manifest(path),
            BundleSource::Web(web) => web.manifest(),
            BundleSource::Archive(archive) => {
                archive.read()?;
                archive.file(MANIFEST, bounds::MANIFEST_BYTES)
            }
        }
    }

    pub(crate) fn note(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::note(path),
            BundleSource::Web(web) => web.note(),
            BundleSource::Archive(archive) => archive.file(NOTE, bounds::FILE_BYTES),
        }
    }

    /// The chain of trust.
    pub(crate) fn trust(&mut self) -> Result<Vec<Vec<u8>>, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::trust(path),
            BundleSource::Web(web) => web.trust(),
            BundleSource::Archive(archive) => archive.trust(),
        }
    }

    /// The files of a bundle whose signatures were verified; files in `known` need not be fetched again.
    pub(crate) fn content(&mut self, head: &Parcel, known: &Files) -> Result<Files, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::content(path, &head.manifest),
            BundleSource::Web(web) => web.content(&head.manifest, known),
            BundleSource::Archive(archive) => archive.content(&head.manifest),
        }
    }

    /// The manifest of the routes over a base that are offered.
    pub(crate) fn routes_manifest(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::routes_manifest(path),
            BundleSource::Web(web) => web.routes_manifest(),
            BundleSource::Archive(archive) => archive.file(ROUTES_MANIFEST, bounds::MANIFEST_BYTES),
        }
    }

    pub(crate) fn routes_note(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::routes_note(path),
            BundleSource::Web(web) => web.routes_note(),
            BundleSource::Archive(archive) => archive.file(ROUTES_NOTE, bounds::FILE_BYTES),
        }
    }

    /// The files of routes whose signatures were verified.
    pub(crate) fn routes_content(&mut self, manifest: &[u8], known: &Files) -> Result<Files, BundleRefusal> {
        match self {
            BundleSource::Directory(path) => directory::routes_content(path, manifest),
            BundleSource::Web(web) => web.routes_content(manifest, known),
            BundleSource::Archive(archive) => archive.routes_content(manifest),
        }
    }

    /// Writes our own note next to the bundle, for the next start. A URL and an archive accept none.
    pub(crate) fn save_note(&self, note: &[u8]) -> std::io::Result<()> {
        match self {
            BundleSource::Directory(path) => directory::publish_note(note, path),
            BundleSource::Web(_) | BundleSource::Archive(_) => Ok(()),
        }
    }
}
