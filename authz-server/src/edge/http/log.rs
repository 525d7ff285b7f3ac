//! The log over HTTP, read-only, in the layout of C2SP tlog-tiles; and proofs from it.
//!
//! The checkpoint and hashes are public: with them anybody can check this server. Entries, and proofs that contain
//! one, need the token of a reader, and who read them is recorded. This module knows what may be served to whom, and
//! nothing about what entries contain.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ledger::consistency::Consistency;
use ledger::proof::EntryProof;
use ledger::published_file::{Caching, PublishedFile};
use ledger::tree::LogSource;
use ledger::{Ledger, ReadError};
use tracing::warn;

use crate::keys::Readers;
use crate::recorder::Recorder;

/// The log that is served, who may read its entries, and where it is recorded who did.
#[derive(Clone, Debug)]
pub struct Log {
    pub ledger: Ledger,
    pub readers: Arc<Readers>,
    pub recorder: Recorder,
}

/// The action under which reads of entries are recorded.
const READ_ENTRIES: &str = "read-entries";

const TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn router(log: Log) -> Router {
    Router::new()
        .route("/log/proof/{index}", get(proof))
        .route("/log/consistency/{old}", get(consistency))
        .route("/log/{*path}", get(file))
        .with_state(log)
}

/// A published file. It has exactly one name; any other spelling is not found.
async fn file(State(log): State<Log>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let Some(resource) = PublishedFile::parse(&path) else { return missing() };
    if !resource.is_public() && !log.admits_read(&headers) {
        return unauthorized();
    }
    let (kind, caching) = (resource.content_type(), resource.caching());
    log.answer(kind, caching, move |ledger| ledger.log().get(resource)).await
}

/// The inclusion proof of one entry in the published log, with the entry.
async fn proof(State(log): State<Log>, Path(index): Path<String>, headers: HeaderMap) -> Response {
    if !log.admits_read(&headers) {
        return unauthorized();
    }
    let Some(index) = number(&index) else { return missing() };
    let make = move |ledger: &Ledger| {
        let checkpoint = ledger.checkpoint()?;
        if index >= checkpoint.checkpoint().size {
            return Ok(None);
        }
        EntryProof::make(&ledger.log(), checkpoint, index).map(|proof| Some(proof.to_string().into_bytes()))
    };
    log.answer(TEXT, Caching::None, make).await
}

/// The proof that the published log continues the one of an older size. It holds only hashes, so it is public.
async fn consistency(State(log): State<Log>, Path(old): Path<String>) -> Response {
    let Some(old) = number(&old) else { return missing() };
    let make = move |ledger: &Ledger| {
        let checkpoint = ledger.checkpoint()?;
        if old == 0 || old > checkpoint.checkpoint().size {
            return Ok(None);
        }
        Consistency::make(&ledger.log(), checkpoint, old).map(|proof| Some(proof.to_string().into_bytes()))
    };
    log.answer(TEXT, Caching::None, make).await
}

/// A number in its only allowed spelling.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

impl Log {
    /// Whether this caller may read entries. If so, the read is counted, also if there is no such entry.
    fn admits_read(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let token = values.next().map(HeaderValue::as_bytes).and_then(|value| value.strip_prefix(b"Bearer "));
        let token = token.filter(|_| values.next().is_none());
        let Some(holder) = token.and_then(|token| self.readers.holder_of(token)) else { return false };
        self.recorder.count_read(&format!("reader|{holder}"), READ_ENTRIES);
        true
    }

    /// Reads on a thread that makes no decisions.
    async fn answer(
        self,
        kind: &'static str,
        caching: Caching,
        read: impl FnOnce(&Ledger) -> Result<Option<Vec<u8>>, ReadError> + Send + 'static,
    ) -> Response {
        let found = tokio::task::spawn_blocking(move || read(&self.ledger)).await;
        match found {
            Ok(Ok(Some(bytes))) => {
                let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, caching.header())];
                (headers, bytes).into_response()
            }
            Ok(Ok(None)) => missing(),
            Ok(Err(error)) => {
                warn!(%error, "cannot read the log");
                (StatusCode::INTERNAL_SERVER_ERROR, "cannot read the log\n").into_response()
            }
            Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "this server is stopping\n").into_response(),
        }
    }
}

/// Not found; it must not be cached, because the file may exist in a second.
fn missing() -> Response {
    (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-cache")], "no such file\n").into_response()
}

fn unauthorized() -> Response {
    let headers =
        [(header::WWW_AUTHENTICATE, r#"Bearer realm="read-log""#), (header::CACHE_CONTROL, "no-store")];
    let body = "entries need the permission read-log: send its bearer token\n";
    (StatusCode::UNAUTHORIZED, headers, body).into_response()
}
