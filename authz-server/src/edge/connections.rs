//! The open connections of one listener: a bounded number, and each one makes progress or is closed.
//!
//! When there is no place for a new connection, the one that has made no progress for the longest time is closed. So clients
//! that connect and do not go on cannot keep others out. It knows no protocol: a connection makes progress when bytes move.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::telemetry::{CloseReason, ClosedConnections};

/// How long a peer may read nothing of what is written to it.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// The open connections of one listener.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    read_within: Duration,
    started: Instant,
    open: Mutex<Open>,
    closed: ClosedConnections,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    places: HashMap<u64, Arc<Place>>,
}

/// One of the places for connections.
#[derive(Debug, Default)]
struct Place {
    /// When bytes moved last, in milliseconds since the listener began.
    progress: AtomicU64,
    must_close: AtomicBool,
    /// The task of the connection.
    task: Mutex<Option<Waker>>,
}

impl Connections {
    /// At most `most` connections.
    pub(super) fn at_most(most: usize, closed: ClosedConnections) -> Arc<Connections> {
        Arc::new(Connections {
            most,
            read_within: READ_WITHIN,
            started: Instant::now(),
            open: Mutex::default(),
            closed,
        })
    }

    /// Gives a new connection a place. If no place is free, the slowest connection is closed and loses its place.
    pub(super) fn admit<S>(self: &Arc<Self>, stream: S) -> BoundedConnection<S> {
        let place = Arc::<Place>::default();
        place.progress.store(self.now(), Ordering::Relaxed);
        let mut open = self.open();
        let crowded_out = if open.places.len() >= self.most { open.remove_slowest() } else { None };
        let id = open.next;
        open.next = open.next.wrapping_add(1);
        open.places.insert(id, Arc::clone(&place));
        drop(open);
        if let Some(slowest) = crowded_out {
            self.closed.count(CloseReason::Crowded);
            slowest.close();
        }
        BoundedConnection { stream, id, place, connections: Arc::clone(self), stalled: None }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // No code under this lock can panic in the middle of a change.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn remove_slowest(&mut self) -> Option<Arc<Place>> {
        let slowest = self.places.iter().min_by_key(|(_, place)| place.progress.load(Ordering::Relaxed));
        let id = *slowest?.0;
        self.places.remove(&id)
    }
}

impl Place {
    fn close(&self) {
        self.must_close.store(true, Ordering::Release);
        let waiting = self.task().take();
        if let Some(task) = waiting {
            task.wake();
        }
    }

    /// Whether the connection must close; otherwise this task is woken when it must.
    fn must_close(&self, cx: &Context<'_>) -> bool {
        let mut task = self.task();
        if !task.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
        self.must_close.load(Ordering::Acquire)
    }

    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that has a place until it is dropped.
#[derive(Debug)]
pub(super) struct BoundedConnection<S> {
    stream: S,
    id: u64,
    place: Arc<Place>,
    connections: Arc<Connections>,
    /// Runs while the peer reads nothing of what is written.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> BoundedConnection<S> {
    fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        if self.place.must_close(cx) {
            let why = "closed, because others needed its place and it made no progress";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, why));
        }
        Ok(())
    }

    fn progress(&mut self) {
        self.place.progress.store(self.connections.now(), Ordering::Relaxed);
    }

    /// Passes the result of a write on. It is an error if the peer has read nothing for too long.
    fn written<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            self.progress();
            return result;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.connections.read_within)));
        ready!(stalled.as_mut().poll(cx));
        self.connections.closed.count(CloseReason::NotRead);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing")))
    }
}

impl<S> Drop for BoundedConnection<S> {
    fn drop(&mut self) {
        self.connections.open().places.remove(&self.id);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BoundedConnection<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(cx)?;
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            this.progress();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BoundedConnection<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(cx)?;
        let result = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(cx)?;
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, parts);
        this.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn a_new_connection_takes_the_place_of_the_one_that_made_no_progress_for_longest() {
        let connections = Connections::at_most(2, ClosedConnections::default());
        let ((one, mut one_peer), (two, _two_peer), (three, mut three_peer)) =
            (duplex(64), duplex(64), duplex(64));
        let (mut one, mut two) = (connections.admit(one), connections.admit(two));
        one.place.progress.store(6, Ordering::Relaxed);
        two.place.progress.store(5, Ordering::Relaxed);
        let waiting = tokio::spawn(async move { two.read_u8().await });
        tokio::task::yield_now().await;

        let mut three = connections.admit(three);
        let closed = waiting.await.unwrap().unwrap_err();
        assert_eq!(closed.kind(), io::ErrorKind::ConnectionAborted, "it is woken to be closed");
        for (stream, peer) in [(&mut one, &mut one_peer), (&mut three, &mut three_peer)] {
            peer.write_all(b"x").await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'x');
        }
        assert_eq!(connections.open().places.len(), 2);
        drop((one, three));
        assert!(connections.open().places.is_empty());
    }

    #[tokio::test]
    async fn a_peer_that_reads_nothing_is_given_up() {
        let read_within = Duration::from_millis(100);
        let connections = Connections {
            most: 1,
            read_within,
            started: Instant::now(),
            open: Mutex::default(),
            closed: ClosedConnections::default(),
        };
        let (stream, mut peer) = duplex(10);
        let mut stream = Arc::new(connections).admit(stream);
        let mut read = [0; 10];
        let (written, _) = tokio::join!(stream.write_all(&[0; 20]), peer.read_exact(&mut read));
        written.expect("a peer that reads is not given up");
        let from = Instant::now();
        let refused = stream.write_all(&[0; 20]).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        assert!(from.elapsed() >= read_within);
    }
}
