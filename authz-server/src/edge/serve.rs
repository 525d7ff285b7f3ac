//! Serving on a bound listener, within bounds: whoever connects and says nothing must not keep others out, nor keep this
//! server from ending.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::{Connected, Router};
use tracing::{debug, warn};

use super::listen::Bound;

/// Connections to the HTTP side at once; operators and proxies have few. One more waits until another has gone.
const HTTP_CONNECTIONS: usize = 256;
/// From the opening of a connection, or the last answer on it, to a whole request's head.
const HTTP_HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries where the system has no descriptor left: at once would only burn the processor that could free one.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Where connections come from.
trait Accepts: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Connected + Send + Unpin + 'static;

    fn accept_one(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accepts for TcpListener {
    type Stream = TcpStream;

    async fn accept_one(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Accepts for UnixListener {
    type Stream = UnixStream;

    async fn accept_one(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Bound {
    /// Serves gRPC until `stop` resolves, then takes no new connection and finishes what has begun.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) -> Result<(), String> {
        let served = match self {
            Bound::Unix(listener, _) => router.serve_with_incoming_shutdown(incoming(listener), stop).await,
            Bound::Loopback(listener, _) => {
                router.serve_with_incoming_shutdown(incoming(listener), stop).await
            }
        };
        served.map_err(|e| e.to_string())
    }

    /// The same for HTTP.
    pub async fn serve_http(self, router: axum::Router, stop: impl Future<Output = ()>) {
        match self {
            Bound::Unix(listener, _) => serve_http(listener, router, stop).await,
            Bound::Loopback(listener, _) => serve_http(listener, router, stop).await,
        }
    }
}

/// Connections as they come. Ends when nobody takes them any more.
fn incoming<L: Accepts + Sync>(listener: L) -> ReceiverStream<io::Result<L::Stream>> {
    let (give, take) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok(place) = give.reserve().await {
            tokio::select! {
                stream = next(&listener) => place.send(Ok(stream)),
                () = give.closed() => break,
            }
        }
    });
    ReceiverStream::new(take)
}

async fn serve_http<L: Accepts + Sync>(listener: L, router: axum::Router, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(HTTP_CONNECTIONS));
    let (ending, mut stop) = (GracefulShutdown::new(), pin!(stop));
    let service = TowerToHyperService::new(router);
    loop {
        let stream = tokio::select! {
            // Never closed, so there is always a permit to wait for.
            Ok(place) = Arc::clone(&places).acquire_owned() => tokio::select! {
                stream = next(&listener) => (stream, place),
                () = &mut stop => break,
            },
            () = &mut stop => break,
        };
        let (stream, place) = stream;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HTTP_HEAD_WITHIN)
            .serve_connection(TokioIo::new(stream), service.clone());
        let connection = ending.watch(connection);
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                debug!("a connection ended early: {e}");
            }
            drop(place);
        });
    }
    ending.shutdown().await;
}

/// The next connection, however long the system has none to give.
async fn next<L: Accepts>(listener: &L) -> L::Stream {
    let mut said = false;
    loop {
        match listener.accept_one().await {
            Ok(stream) => return stream,
            Err(e) => {
                if !std::mem::replace(&mut said, true) {
                    warn!("no connection can be taken: {e}");
                }
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            }
        }
    }
}
