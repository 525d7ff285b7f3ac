//! The streams of the upstream: how many of them are open, and what it answers in them.

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The streams of one upstream. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    open: usize,
    last_end: Option<Instant>,
}

impl Streams {
    /// Begins one.
    pub(super) fn begin(&self) -> OpenStream {
        self.0.lock().unwrap().open += 1;
        OpenStream(self.clone())
    }

    pub(super) fn open(&self) -> usize {
        self.0.lock().unwrap().open
    }

    /// When the last one that has ended did so.
    pub(super) fn last_end(&self) -> Option<Instant> {
        self.0.lock().unwrap().last_end
    }
}

/// Counted while it lives.
#[derive(Debug)]
pub(super) struct OpenStream(Streams);

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().unwrap();
        counts.open -= 1;
        counts.last_end = Some(Instant::now());
    }
}

/// The body of an answer. Its stream is open until the connection drops it.
#[derive(Debug)]
pub(super) struct WhileOpen<B> {
    body: B,
    _open: OpenStream,
}

impl<B> WhileOpen<B> {
    pub(super) fn new(body: B, streams: &Streams) -> WhileOpen<B> {
        WhileOpen { body, _open: streams.begin() }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for WhileOpen<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A text frame of a WebSocket as a server sends it.
const TEXT: &[u8] = b"\x81\x02ok";

/// Answers whatever comes over a WebSocket, until it ends. However it ends, it ends.
pub(super) async fn answer_messages(upgraded: OnUpgrade, open: OpenStream) {
    let mut socket = TokioIo::new(upgraded.await.expect("the answer switches protocols"));
    let mut message = [0; 512];
    while let Ok(1..) = socket.read(&mut message).await {
        if socket.write_all(TEXT).await.is_err() {
            break;
        }
    }
    drop(open);
}
