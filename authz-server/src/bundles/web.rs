//! A signed bundle at a URL, with the same layout as in a directory. What has not changed is not sent again: manifest
//! and note are requested with their ETag, and only files whose digest changed are fetched.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{SourceError, bounds};
use crate::fetch::{Fetched, Fetcher, Limits};
use policy::{
    BundleRefusal, Digest, Files, MANIFEST, NOTE, Parcel, ROUTES_MANIFEST, ROUTES_NOTE, RoutesParcel,
};

/// A look at the source must end before the keeper counts as stuck.
const MANIFEST_LIMITS: Limits = Limits { bytes: bounds::MANIFEST_BYTES, time: Duration::from_secs(8) };
const FILE_LIMITS: Limits = Limits { bytes: bounds::FILE_BYTES, time: Duration::from_secs(8) };
/// How many files are fetched at once.
const AT_ONCE: usize = 16;

#[derive(Debug)]
pub(crate) struct Web {
    /// Ends in a slash.
    base: String,
    fetcher: Fetcher,
    /// A runtime of its own, on the keeper's thread: decisions share nothing with it.
    runtime: Runtime,
    known: BTreeMap<String, (HeaderValue, Vec<u8>)>,
}

impl Web {
    pub(super) fn open(url: String) -> Result<Web, SourceError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SourceError::Runtime { url: url.clone(), error })?;
        let fetcher = Fetcher::new().map_err(SourceError::Client)?;
        let base = if url.ends_with('/') { url } else { format!("{url}/") };
        Ok(Web { base, fetcher, runtime, known: BTreeMap::new() })
    }

    pub(super) fn manifest(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        self.newest(MANIFEST, MANIFEST_LIMITS)
    }

    pub(super) fn note(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        self.newest(NOTE, FILE_LIMITS)
    }

    pub(super) fn routes_manifest(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        self.newest(ROUTES_MANIFEST, MANIFEST_LIMITS)
    }

    pub(super) fn routes_note(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        self.newest(ROUTES_NOTE, FILE_LIMITS)
    }

    pub(super) fn trust(&mut self) -> Result<Vec<Vec<u8>>, BundleRefusal> {
        let mut trust = Vec::new();
        while trust.len() < bounds::TRUST_STEPS {
            let url = format!("{}{}", self.base, Parcel::trust_path(trust.len()));
            let fetched = self.runtime.block_on(get(&self.fetcher, &url, &[], MANIFEST_LIMITS))?;
            if fetched.status == 404 {
                break;
            }
            trust.push(body_of(&url, fetched)?);
        }
        Ok(trust)
    }

    pub(super) fn content(&mut self, manifest: &[u8], held: &Files) -> Result<Files, BundleRefusal> {
        let directory = Parcel::directory(Parcel::version_of(manifest)?);
        self.listed(&directory, Parcel::files_of(manifest)?, held)
    }

    pub(super) fn routes_content(&mut self, manifest: &[u8], held: &Files) -> Result<Files, BundleRefusal> {
        self.listed(&RoutesParcel::directory_of(manifest)?, RoutesParcel::files_of(manifest)?, held)
    }

    /// The files of a directory that a manifest lists. Those that are held already are not fetched.
    fn listed(
        &mut self,
        directory: &str,
        listed: BTreeMap<String, Digest>,
        held: &Files,
    ) -> Result<Files, BundleRefusal> {
        let directory = format!("{}{directory}/", self.base);
        let (mut files, mut missing) = (Files::new(), Vec::new());
        if listed.len() > bounds::FILES {
            return Err(too_large(&directory));
        }
        for (name, digest) in listed {
            match held.get(&name).filter(|bytes| Digest::of(bytes) == digest) {
                Some(bytes) => drop(files.insert(name, bytes.clone())),
                None => missing.push(name),
            }
        }
        files.extend(self.runtime.block_on(all(&self.fetcher, &directory, missing))?);
        Ok(files)
    }

    /// The file as it is now; it is sent again only if it changed.
    fn newest(&mut self, name: &str, limits: Limits) -> Result<Vec<u8>, BundleRefusal> {
        let url = format!("{}{name}", self.base);
        let known = self.known.get(name);
        let condition: Vec<_> = known.iter().map(|(etag, _)| (IF_NONE_MATCH, etag.clone())).collect();
        let fetched = self.runtime.block_on(get(&self.fetcher, &url, &condition, limits))?;
        if let (304, Some((_, bytes))) = (fetched.status, known) {
            return Ok(bytes.clone());
        }
        let etag = fetched.headers.get(ETAG).cloned();
        let bytes = body_of(&url, fetched)?;
        match etag {
            Some(etag) => drop(self.known.insert(name.to_owned(), (etag, bytes.clone()))),
            None => drop(self.known.remove(name)),
        }
        Ok(bytes)
    }
}

async fn get(
    fetcher: &Fetcher,
    url: &str,
    headers: &[(HeaderName, HeaderValue)],
    limits: Limits,
) -> Result<Fetched, BundleRefusal> {
    let fetched = fetcher.get(url, headers, limits).await;
    fetched.map_err(|e| BundleRefusal::Unreadable { file: url.to_owned(), why: e.to_string() })
}

/// Fetches all of these files, several at once; the first failure ends it.
async fn all(fetcher: &Fetcher, directory: &str, names: Vec<String>) -> Result<Files, BundleRefusal> {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut fetches = JoinSet::new();
    for name in names {
        let (fetcher, permits, url) = (fetcher.clone(), Arc::clone(&permits), format!("{directory}{name}"));
        fetches.spawn(async move {
            // The semaphore is never closed, so a permit always comes.
            let _permit = permits.acquire().await;
            let bytes =
                get(&fetcher, &url, &[], FILE_LIMITS).await.and_then(|fetched| body_of(&url, fetched));
            bytes.map(|bytes| (name, bytes))
        });
    }
    let (mut files, mut bytes_left) = (Files::new(), bounds::CONTENT_BYTES);
    while let Some(done) = fetches.join_next().await {
        let lost = |e: tokio::task::JoinError| BundleRefusal::Unreadable {
            file: directory.to_owned(),
            why: e.to_string(),
        };
        let (name, bytes) = done.map_err(lost)??;
        bytes_left = bytes_left.checked_sub(bytes.len()).ok_or_else(|| too_large(directory))?;
        files.insert(name, bytes);
    }
    Ok(files)
}

fn too_large(directory: &str) -> BundleRefusal {
    let (files, bytes) = (bounds::FILES, bounds::CONTENT_BYTES);
    let why = format!("it has more than {files} files, or more than {bytes} bytes in them");
    BundleRefusal::Unreadable { file: directory.to_owned(), why }
}

fn body_of(url: &str, fetched: Fetched) -> Result<Vec<u8>, BundleRefusal> {
    match fetched.status {
        200 => Ok(fetched.body),
        status => Err(BundleRefusal::Unreadable {
            file: url.to_owned(),
            why: format!("the server answered {status}"),
        }),
    }
}
