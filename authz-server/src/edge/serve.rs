//! Serves on a bound listener, with limits: a client that connects and does not go on must not keep others out, and must
//! not keep the server from stopping.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::arrivals::{Answering, Arrivals};
use super::connections::{BoundedConnection, Connections};
use super::copied_writes::CopiedWrites;
use super::listen::BoundListener;
use super::peer::Peer;
use super::tls::{PeerAdmission, speaks_http2};
use crate::telemetry::{CloseReason, ClosedConnections};

/// Connections of operators at once: they need few.
pub const OPERATORS_CONNECTIONS: usize = 256;
/// Connections of proxies at once: each thread of a proxy has two.
pub const PROXIES_CONNECTIONS: usize = 1024;
/// From the opening of an HTTP/1 connection, or the last answer on it, to the end of a request's head.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A peer that answers no ping is gone, even if its connection looks open.
const PEER_ANSWERS_EVERY: Duration = Duration::from_secs(15);
const PEER_ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// What an HTTP/2 client may send unread: on one stream enough for the largest check, and on a connection many times that,
/// so that one stream that is read late cannot hold up the others.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * STREAM_WINDOW;
/// Requests at once on one HTTP/2 connection: as many as a proxy with our configuration sends to this server
/// (`max_requests`). What comes above that is refused by the proxy, which costs this server nothing.
const STREAMS: u32 = 512;
/// After a peer loses its admission, its running requests get this long to finish.
const LAST_REQUESTS: Duration = Duration::from_secs(2);
/// The pause between two tries when the system has no file descriptor left: retrying at once would only waste the
/// processor.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What a listener serves, and to whom.
#[derive(Clone, Debug)]
pub struct Pages {
    pub router: Router,
    pub transport: Transport,
    /// What gives checks their places; `None` where no checks are made.
    pub arrivals: Option<Arrivals>,
    /// The most connections at once.
    pub connections: usize,
    pub closed: ClosedConnections,
}

/// How bytes come to a listener.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Every peer is local.
    Cleartext(Protocol),
    /// The protocol is the one that the client chose, or this one if it chose none.
    Tls(Arc<PeerAdmission>, Protocol),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// A listener that accepts connections.
trait Accept: Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    fn accept_one(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept_one(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept().await?;
        // An answer is one small write, and must not wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept_one(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl BoundListener {
    /// Serves until the server stops, then takes no new connection and finishes what has begun.
    pub async fn serve(self, pages: Pages, stopping: watch::Receiver<bool>) {
        match self {
            BoundListener::Unix(listener, _) => serve(listener, pages, stopping).await,
            BoundListener::Tcp(listener, _) => serve(listener, pages, stopping).await,
        }
    }
}

async fn serve<L: Accept>(listener: L, pages: Pages, stopping: watch::Receiver<bool>) {
    let connections = Connections::at_most(pages.connections, pages.closed.clone());
    let pages = Arc::new(pages);
    let mut open = JoinSet::new();
    let mut stop = pin!(stopped(stopping.clone()));
    loop {
        let stream = tokio::select! {
            stream = next(&listener) => connections.admit(stream),
            Some(_) = open.join_next() => continue,
            () = &mut stop => break,
        };
        open.spawn(serve_connection(stream, Arc::clone(&pages), stopping.clone()));
    }
    while open.join_next().await.is_some() {}
}

async fn serve_connection<S>(stream: BoundedConnection<S>, pages: Arc<Pages>, stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stop = stopped(stopping);
    match &pages.transport {
        Transport::Cleartext(protocol) => {
            let refused = std::future::pending();
            speak(stream, *protocol, Peer::Local, &pages, stop, refused).await;
        }
        Transport::Tls(admission, default) => match admission.tls().accept(stream).await {
            Ok((stream, chain)) => {
                let protocol = if speaks_http2(&stream) { Protocol::Http2 } else { *default };
                let refused = admission.until_refused(&chain);
                speak(stream, protocol, chain.peer().clone(), &pages, stop, refused).await;
            }
            Err(why) => {
                debug!("{why}");
                pages.closed.count(CloseReason::NoHandshake);
            }
        },
    }
}

async fn speak<S>(
    stream: S,
    protocol: Protocol,
    peer: Peer,
    pages: &Pages,
    stop: impl Future<Output = ()>,
    refused: impl Future<Output = ()>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = OfPeer {
        router: TowerToHyperService::new(pages.router.clone()),
        arrivals: pages.arrivals.clone(),
        peer,
    };
    let ended = match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WITHIN)
                .serve_connection(TokioIo::new(stream), service);
            until_ended(connection, stop, refused).await
        }
        Protocol::Http2 => {
            // Under overload a proxy cancels many requests at once. Its connection must stay: others wait on it too.
            let streams = usize::try_from(STREAMS).unwrap_or(usize::MAX);
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(PEER_ANSWERS_EVERY)
                .keep_alive_timeout(PEER_ANSWERS_WITHIN)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .max_concurrent_streams(STREAMS)
                .max_pending_accept_reset_streams(streams)
                .max_local_error_reset_streams(Some(streams))
                .serve_connection(TokioIo::new(CopiedWrites(stream)), service);
            until_ended(connection, stop, refused).await
        }
    };
    if let Err(e) = ended {
        debug!("a connection ended early: {e}");
        if protocol == Protocol::Http1 && e.is_timeout() {
            pages.closed.count(CloseReason::NoRequest);
        }
    }
}

/// Serves until the connection ends. It takes no new request once the server stops or the peer loses its admission. Running
/// requests are finished; after a lost admission they get only a moment.
async fn until_ended<C>(
    connection: C,
    stop: impl Future<Output = ()>,
    refused: impl Future<Output = ()>,
) -> Result<(), hyper::Error>
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = pin!(connection);
    let most = tokio::select! {
        ended = &mut connection => return ended,
        () = stop => None,
        () = refused => Some(LAST_REQUESTS),
    };
    connection.as_mut().graceful_shutdown();
    match most {
        None => connection.await,
        Some(most) => tokio::time::timeout(most, connection).await.unwrap_or(Ok(())),
    }
}

/// Serves the requests of one peer.
struct OfPeer {
    router: TowerToHyperService<Router>,
    arrivals: Option<Arrivals>,
    peer: Peer,
}

impl Service<Request<Incoming>> for OfPeer {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        let handle = |request| self.router.call(request);
        match &self.arrivals {
            Some(arrivals) => arrivals.answer(&self.peer, request, handle),
            None => Box::pin(handle(request)),
        }
    }
}

/// Resolves when the server stops.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that the server is already gone.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Waits for the next connection, also while the system cannot accept one.
async fn next<L: Accept>(listener: &L) -> L::Stream {
    let mut has_warned = false;
    loop {
        match listener.accept_one().await {
            Ok(stream) => return stream,
            Err(e) => {
                if !std::mem::replace(&mut has_warned, true) {
                    warn!("cannot accept connections: {e}");
                }
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            }
        }
    }
}
