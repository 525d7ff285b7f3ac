//! What servers fetch: base, routes and notes by HTTP, in the layout that they poll. One value holds all of it, so that nobody sees
//! half of a change. Everything in it is signed, so there is no TLS and no authentication.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Bytes;
use policy::{MANIFEST, NOTE, Parcel, ROUTES_MANIFEST, ROUTES_NOTE, RoutesParcel};
use warrant::Digest;

use super::state::SignedContent;

/// Every path below `/bundle/` with its bytes and their ETag.
#[derive(Debug, Default)]
pub struct Served(BTreeMap<String, (Bytes, String)>);

/// What is served now; nothing before the first bundle.
#[derive(Clone, Debug, Default)]
pub struct Published {
    bundle: Arc<ArcSwapOption<Served>>,
    is_stale: Arc<AtomicBool>,
    unsigned: Arc<ArcSwapOption<Bytes>>,
}

impl Published {
    pub fn publish(&self, served: Served) {
        self.bundle.store(Some(Arc::new(served)));
    }

    /// Says whether the note about what is published has run out. Then nothing of it is served: a server that holds on to this process
    /// must get to another one, which may have a current note.
    pub fn set_stale(&self, is_stale: bool) {
        self.is_stale.store(is_stale, Ordering::Relaxed);
    }

    /// Whether there is a bundle with a current note.
    pub fn has_current_bundle(&self) -> bool {
        self.bundle.load().is_some() && !self.is_stale.load(Ordering::Relaxed)
    }

    /// The unsigned files of teams, as a tar archive.
    pub fn publish_unsigned(&self, archive: Vec<u8>) {
        self.unsigned.store(Some(Arc::new(Bytes::from(archive))));
    }

    pub fn has_unsigned(&self) -> bool {
        self.unsigned.load().is_some()
    }
}

impl Served {
    /// A base with the routes over it. `before` are the routes before them: a server that has just read their manifest still fetches
    /// their files.
    pub fn of(
        base: &Parcel,
        base_note: Option<&[u8]>,
        content: &SignedContent,
        before: Option<&RoutesParcel>,
    ) -> Result<Served, policy::BundleRefusal> {
        let mut all: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut add = |paths: BTreeMap<String, &[u8]>| {
            all.extend(paths.into_iter().map(|(path, bytes)| (path, bytes.to_vec())));
        };
        if let Some(before) = before {
            add(before.paths()?);
        }
        add(base.paths(Parcel::version_of(&base.manifest)?));
        add(content.routes.paths()?);
        all.insert(MANIFEST.to_owned(), base.manifest.clone());
        all.insert(ROUTES_MANIFEST.to_owned(), content.routes.manifest.clone());
        all.insert(ROUTES_NOTE.to_owned(), content.note.clone());
        // A server that has the key of the base's notes makes its own.
        if let Some(note) = base_note {
            all.insert(NOTE.to_owned(), note.to_vec());
        }
        let with_tag = |bytes: Vec<u8>| {
            let tag = format!("\"{}\"", Digest::of(&bytes).to_hex());
            (Bytes::from(bytes), tag)
        };
        Ok(Served(all.into_iter().map(|(path, bytes)| (path, with_tag(bytes))).collect()))
    }
}

pub fn router(published: Published) -> Router {
    Router::new()
        .route("/bundle/{*path}", get(file))
        .route("/unsigned.tar", get(unsigned))
        .with_state(published)
}

async fn file(State(published): State<Published>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let Some(served) = published.bundle.load_full() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "no bundle is published yet\n").into_response();
    };
    if published.is_stale.load(Ordering::Relaxed) {
        let close = [(header::CONNECTION, "close")];
        return (StatusCode::SERVICE_UNAVAILABLE, close, "the note about the bundle has run out\n")
            .into_response();
    }
    let Some((bytes, tag)) = served.0.get(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known == Some(tag.as_str()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response();
    }
    let headers = [
        (header::ETAG, tag.clone()),
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    (headers, bytes.clone()).into_response()
}

async fn unsigned(State(published): State<Published>) -> Response {
    match published.unsigned.load_full() {
        None => {
            (StatusCode::NOT_FOUND, "there are no unsigned files: this operator signs, or has no base yet\n")
                .into_response()
        }
        Some(archive) => {
            let headers = [(header::CONTENT_TYPE, "application/x-tar"), (header::CACHE_CONTROL, "no-store")];
            // It is counted, and not copied: many may fetch it at once.
            (headers, Bytes::clone(&archive)).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_archive_is_not_copied_for_each_who_fetches_it() {
        let published = Published::default();
        assert_eq!(unsigned(State(published.clone())).await.status(), StatusCode::NOT_FOUND);
        published.publish_unsigned(vec![7; 100_000]);
        let kept = published.unsigned.load_full().unwrap();
        let answer = unsigned(State(published)).await;
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert_eq!(body.as_ptr(), kept.as_ptr());
    }
}
