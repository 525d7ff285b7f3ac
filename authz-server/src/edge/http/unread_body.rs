//! Reads what is left of a body after its handler has answered without it, as long as that is little and comes soon.
//!
//! Otherwise the connection would end in the middle of the body, and its client might lose the answer, and the next call that it
//! has already begun.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::runtime::Handle;

/// A client that sends more than this loses its connection.
const BYTES_AT_MOST: usize = 1024 * 1024;
/// Nobody holds a connection by a body that does not come.
const READ_WITHIN: Duration = Duration::from_secs(1);

pub(super) async fn read_rest(request: Request, next: Next) -> Response {
    next.run(request.map(|body| Body::new(WholeBody(Some(body))))).await
}

/// A body that is read to its end also if its reader stops before that.
struct WholeBody(Option<Body>);

impl hyper::body::Body for WholeBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.0.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for WholeBody {
    fn drop(&mut self) {
        let unread = self.0.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (unread, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(READ_WITHIN, skip(body)));
        }
    }
}

async fn skip(mut body: Body) {
    let mut left = BYTES_AT_MOST;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
