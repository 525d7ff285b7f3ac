//! A signed bundle behind an address, laid out as in a directory. What has not changed is not sent again: manifest and
//! note are asked for by their ETag, files by their digest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::fetch::{Fetched, Fetcher, Limits};
use policy::{BundleRefusal, Digest, Files, MANIFEST, NOTE, Parcel};

/// A manifest names 10,000 files in about 1.5 MiB.
const MANIFEST_LIMITS: Limits = Limits { bytes: 16 * 1024 * 1024, time: Duration::from_secs(30) };
/// A document is at most 256 KiB as it is written.
const FILE_LIMITS: Limits = Limits { bytes: 1024 * 1024, time: Duration::from_secs(10) };
/// Files asked for at once.
const AT_ONCE: usize = 16;
/// A chain of trust is as long as there were changes of keys.
const STEPS_AT_MOST: usize = 1024;

#[derive(Debug)]
pub(super) struct Web {
    /// Ends in a slash.
    base: String,
    fetcher: Fetcher,
    /// Its own, on the thread that looks: decisions share nothing with it.
    runtime: Runtime,
    known: BTreeMap<String, (HeaderValue, Vec<u8>)>,
}

impl Web {
    pub(super) fn open(url: String) -> Result<Web, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("bundle {url}: cannot be asked for: {e}"))?;
        let fetcher = Fetcher::new().map_err(|e| e.to_string())?;
        let base = if url.ends_with('/') { url } else { format!("{url}/") };
        Ok(Web { base, fetcher, runtime, known: BTreeMap::new() })
    }

    pub(super) fn manifest(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        self.newest(MANIFEST, MANIFEST_LIMITS)
    }

    pub(super) fn note(&mut self) -> Result<Vec<u8>, BundleRefusal> {
        self.newest(NOTE, FILE_LIMITS)
    }

    pub(super) fn trust(&mut self) -> Result<Vec<Vec<u8>>, BundleRefusal> {
        let mut trust = Vec::new();
        while trust.len() < STEPS_AT_MOST {
            let url = format!("{}{}", self.base, Parcel::trust_path(trust.len()));
            let fetched = self.runtime.block_on(get(&self.fetcher, &url, &[], MANIFEST_LIMITS))?;
            if fetched.status == 404 {
                break;
            }
            trust.push(whole(&url, fetched)?);
        }
        Ok(trust)
    }

    pub(super) fn content(&mut self, manifest: &[u8], at_hand: &Files) -> Result<Files, BundleRefusal> {
        let folder = format!("{}{}/", self.base, Parcel::directory(Parcel::version_of(manifest)?));
        let (mut files, mut missing) = (Files::new(), Vec::new());
        for (name, digest) in Parcel::files_of(manifest)? {
            match at_hand.get(&name).filter(|bytes| Digest::of(bytes) == digest) {
                Some(bytes) => drop(files.insert(name, bytes.clone())),
                None => missing.push(name),
            }
        }
        files.extend(self.runtime.block_on(all(&self.fetcher, &folder, missing))?);
        Ok(files)
    }

    /// The file as it is now: sent again only if it is another than last time.
    fn newest(&mut self, name: &str, limits: Limits) -> Result<Vec<u8>, BundleRefusal> {
        let url = format!("{}{name}", self.base);
        let known = self.known.get(name);
        let condition: Vec<_> = known.iter().map(|(etag, _)| (IF_NONE_MATCH, etag.clone())).collect();
        let fetched = self.runtime.block_on(get(&self.fetcher, &url, &condition, limits))?;
        if let (304, Some((_, bytes))) = (fetched.status, known) {
            return Ok(bytes.clone());
        }
        let etag = fetched.headers.get(ETAG).cloned();
        let bytes = whole(&url, fetched)?;
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

/// All of these, some at once; the first that fails ends it.
async fn all(fetcher: &Fetcher, folder: &str, names: Vec<String>) -> Result<Files, BundleRefusal> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    for name in names {
        let (fetcher, places, url) = (fetcher.clone(), Arc::clone(&places), format!("{folder}{name}"));
        asking.spawn(async move {
            // Never closed, so there is always a place in the end.
            let _place = places.acquire().await;
            let bytes = get(&fetcher, &url, &[], FILE_LIMITS).await.and_then(|fetched| whole(&url, fetched));
            bytes.map(|bytes| (name, bytes))
        });
    }
    let mut files = Files::new();
    while let Some(asked) = asking.join_next().await {
        let lost = |e: tokio::task::JoinError| BundleRefusal::Unreadable {
            file: folder.to_owned(),
            why: e.to_string(),
        };
        let (name, bytes) = asked.map_err(lost)??;
        files.insert(name, bytes);
    }
    Ok(files)
}

fn whole(url: &str, fetched: Fetched) -> Result<Vec<u8>, BundleRefusal> {
    match fetched.status {
        200 => Ok(fetched.body),
        status => Err(BundleRefusal::Unreadable {
            file: url.to_owned(),
            why: format!("the server answered {status}"),
        }),
    }
}
