//! Reads a published log below an HTTP(S) prefix, or from the Unix socket of a server's API.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use ledger::ReadError;
use ledger::published_file::PublishedFile;
use ledger::tree::LogSource;
use tokio::runtime::Runtime;

use crate::cli::out::Failure;
use crate::fetch::{Fetcher, Limits};

/// A little more than 256 entries of the largest size with their lengths.
const LIMITS: Limits = Limits { bytes: 17 * 1024 * 1024, time: Duration::from_secs(30) };

pub(super) struct Remote {
    prefix: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    fetcher: Fetcher,
    runtime: Runtime,
}

impl Remote {
    /// The place is the part of the URL before `/checkpoint`, such as `https://host/log`, or `unix:PATH`.
    pub(super) fn new(place: &str, token_file: Option<&Path>) -> Result<Remote, Failure> {
        let headers = token_file.map(bearer).transpose()?.into_iter().collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|e| Failure::new(format!("cannot start: {e}")))?;
        let fetcher = Fetcher::new().map_err(Failure::new)?;
        let prefix = if place.starts_with("unix:") {
            format!("{place}:/log")
        } else {
            place.trim_end_matches('/').to_owned()
        };
        Ok(Remote { prefix, headers, fetcher, runtime })
    }

    fn url(&self, resource: PublishedFile) -> String {
        format!("{}/{}", self.prefix, resource.path())
    }
}

fn bearer(file: &Path) -> Result<(HeaderName, HeaderValue), Failure> {
    let unusable = |what: &str| Failure::new(format!("token file {}: {what}", file.display()));
    let token = std::fs::read_to_string(file).map_err(|e| unusable(&format!("cannot be read: {e}")))?;
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim_end()))
        .map_err(|_| unusable("is not a valid token: write one line of visible characters"))?;
    value.set_sensitive(true);
    Ok((AUTHORIZATION, value))
}

impl LogSource for Remote {
    fn get(&self, resource: PublishedFile) -> Result<Option<Vec<u8>>, ReadError> {
        let failed = |what: String| ReadError::Io(self.name(resource), io::Error::other(what));
        let fetched = self
            .runtime
            .block_on(self.fetcher.get(&self.url(resource), &self.headers, LIMITS))
            .map_err(|e| failed(e.to_string()))?;
        match fetched.status {
            200 => Ok(Some(fetched.body)),
            404 => Ok(None),
            401 | 403 => Err(failed(
                "reading entries needs a token with the permission read-log: --token-file FILE".to_owned(),
            )),
            status => Err(failed(format!("the server answered {status}"))),
        }
    }

    fn name(&self, resource: PublishedFile) -> PathBuf {
        self.url(resource).into()
    }
}
