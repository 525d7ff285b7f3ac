//! `GET /v1/statement`, on the listener for proxies: a proxy's filter asks for the governance statement, and waits until what
//! it says changes. It is the only page there besides gRPC, and it admits the same peers.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::poll_places::{PollPlace, PollPlaces};
use super::refused::Refused;
use crate::authority::governance::{Answered, Governance, HeardProxies, Poll, PollParameters};
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::clock::Clock;
use crate::edge::peer::Peer;
use crate::edge::proxy_identity::{AdmitProxy, ProxyIdentity};

/// What the page needs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StatementPage {
    pub governance: Arc<Governance>,
    pub heard: HeardProxies,
    pub admit: AdmitProxy,
    pub clock: Clock,
    pub places: PollPlaces,
    pub stopping: watch::Receiver<bool>,
}

pub fn router(page: StatementPage) -> Router {
    Router::new().route("/v1/statement", get(statement)).with_state(page)
}

type Parameters = Result<Query<PollParameters>, QueryRejection>;

async fn statement(
    State(page): State<StatementPage>,
    Extension(peer): Extension<Peer>,
    parameters: Parameters,
) -> Result<Response, Refused> {
    let answered = page.answer(&peer, parameters).await;
    page.admit.metrics.count_poll(answered.as_ref().err().map_or("", |refused| refused.code().code()));
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "no-store")];
    let (answer, place) = answered?;
    Ok((headers, body(answer, place)).into_response())
}

/// So much is handed to the connection at once. It takes the next piece when there is room for it.
const PIECE_BYTES: usize = 64 * 1024;

/// An answer must be read within this time. A proxy that reads nothing would keep its memory for ever.
const READ_WITHIN: Duration = Duration::from_secs(15);

/// `None` when the time of an answer is over.
type WhileInTime = Option<(Vec<u8>, PollPlace)>;

/// An answer that waits to be read, with the poll's place: a proxy that reads nothing cannot ask again and again.
struct Unread {
    answer: Arc<Mutex<WhileInTime>>,
    timer: AbortHandle,
}

impl Unread {
    fn of(answer: Vec<u8>, place: PollPlace) -> Unread {
        let answer = Arc::new(Mutex::new(Some((answer, place))));
        let late = Arc::clone(&answer);
        let timer = tokio::spawn(async move {
            sleep(READ_WITHIN).await;
            drop(late.lock().unwrap_or_else(PoisonError::into_inner).take());
        });
        Unread { answer, timer: timer.abort_handle() }
    }

    /// The piece that begins here. It is a copy, because it may stay unread when the answer is gone.
    fn piece(&self, begin: usize) -> io::Result<Bytes> {
        let held = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((answer, _)) = held.as_ref() else { return Err(io::ErrorKind::TimedOut.into()) };
        let end = begin.saturating_add(PIECE_BYTES).min(answer.len());
        Ok(Bytes::copy_from_slice(answer.get(begin..end).unwrap_or_default()))
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

fn body(answer: Vec<u8>, place: PollPlace) -> Body {
    let begins = (0..answer.len()).step_by(PIECE_BYTES);
    let unread = Unread::of(answer, place);
    Body::from_stream(tokio_stream::iter(begins.map(move |begin| unread.piece(begin))))
}

impl StatementPage {
    async fn answer(&self, peer: &Peer, parameters: Parameters) -> Result<(Vec<u8>, PollPlace), ApiError> {
        let ProxyIdentity(proxy) = self.identify(peer)?;
        let malformed = |why: String| ApiError::new(ApiErrorCode::Malformed, why);
        let Query(parameters) = parameters.map_err(|rejected| malformed(rejected.body_text()))?;
        let Poll { held, report, wait } = parameters.read().map_err(malformed)?;
        let (instance, pins) = (report.instance, report.pins.clone());
        let remembered = self.heard.note(&proxy, report, self.clock.milliseconds());
        self.admit.metrics.set_proxies_heard(remembered);
        let mut place = self.places.enter(&proxy).ok_or(ApiError::of(ApiErrorCode::TooMany))?;
        let end = Instant::now().checked_add(wait.min(self.governance.may_wait()));
        let mut stopping = self.stopping.clone();
        let mut changes = self.governance.changes();
        let mut is_last = wait == Duration::ZERO;
        while !is_last && self.governance.is_held(&proxy, &held) {
            tokio::select! {
                () = changes.next() => {}
                () = until(end) => is_last = true,
                _ = stopping.wait_for(|stop| *stop) => is_last = true,
            }
        }
        // The bundle may have changed meanwhile.
        self.identify(peer)?;
        let answer = self.lasting(self.governance.answer(&proxy, &held, &pins)?).await?;
        self.heard.note_sent(&proxy, instance, answer.until, &answer.kid);
        if !place.hold(answer.body.len()) {
            return Err(ApiError::of(ApiErrorCode::TooMany));
        }
        Ok((answer.body, place))
    }

    /// The same answer, once it may leave.
    async fn lasting(&self, answer: Answered) -> Result<Answered, ApiError> {
        if self.governance.is_lasting(&answer) {
            return Ok(answer);
        }
        let governance = Arc::clone(&self.governance);
        let made = tokio::task::spawn_blocking(move || governance.make_lasting(&answer).map(|()| answer));
        Ok(made.await.map_err(|_| ApiError::of(ApiErrorCode::Unavailable))??)
    }

    fn identify(&self, peer: &Peer) -> Result<ProxyIdentity, ApiError> {
        self.admit.identify(peer).map_err(|why| ApiError::new(ApiErrorCode::NotPermitted, why))
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        // No clock reaches it.
        None => std::future::pending().await,
    }
}
