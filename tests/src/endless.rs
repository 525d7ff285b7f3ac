//! Bodies without an end: what a client sends and what the upstream answers while a stream runs.

use hyper::body::{Body, Bytes, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Interval, interval};

/// The pause between two pieces of a busy stream.
pub const PULSE: Duration = Duration::from_millis(500);

/// A body that never ends.
#[derive(Debug)]
pub struct EndlessBody {
    piece: Bytes,
    pulse: Interval,
    is_busy: bool,
    has_begun: bool,
}

impl EndlessBody {
    /// Sends this piece again and again.
    #[must_use]
    pub fn busy(piece: Bytes) -> EndlessBody {
        EndlessBody { piece, pulse: interval(PULSE), is_busy: true, has_begun: false }
    }

    /// Sends this piece once, and then nothing.
    #[must_use]
    pub fn idle(piece: Bytes) -> EndlessBody {
        EndlessBody { is_busy: false, ..EndlessBody::busy(piece) }
    }
}

impl Body for EndlessBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.has_begun && !self.is_busy {
            return Poll::Pending;
        }
        ready!(self.pulse.poll_tick(context));
        self.has_begun = true;
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }
}
