//! Tells an open page how far the record is. Only numbers are sent: what a caller may see is decided when the page is loaded again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::IntervalStream;

use super::callers::Refused;
use crate::authority::callers::Caller;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::authority::reading::Reading;

/// How often an open page learns of it, at most.
const EVERY: Duration = Duration::from_secs(1);
/// After this time the browser asks again, and the caller is judged by the bundle of then.
const LONGEST: Duration = Duration::from_secs(60);
/// Pages that are told at once. One that is not told stays as it is.
const AT_ONCE: usize = 128;

/// What is told, and to how many. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Events {
    reading: Reading,
    places: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Events {
    pub(super) fn new(reading: Reading, stopping: watch::Receiver<bool>) -> Events {
        Events { reading, places: Arc::new(Semaphore::new(AT_ONCE)), stopping }
    }
}

pub(super) async fn stream(
    State(Events { reading, places, stopping }): State<Events>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    let full = || ApiError::new(ApiErrorCode::TooMany, "too many pages are open");
    let place = places.try_acquire_owned().map_err(|_| full())?;
    let mut told = reading.span(&caller)?.as_of;
    let end = Instant::now().checked_add(LONGEST);
    let ticks = IntervalStream::new(tokio::time::interval(EVERY));
    let until_end = ticks.take_while(move |now| !*stopping.borrow() && end.is_some_and(|end| *now < end));
    let news = until_end.filter_map(move |_| {
        // Held as long as the stream is.
        let _place = &place;
        let as_of = reading.span(&caller).ok()?.as_of;
        let is_new = as_of > told;
        told = as_of;
        is_new.then(|| Ok::<_, Infallible>(Event::default().data(as_of.to_string())))
    });
    Ok(Sse::new(news).keep_alive(KeepAlive::default()).into_response())
}
