//! Serves on a bound listener, with limits: a client that connects and does not go on must not keep others out, and must
//! not keep the server from stopping.

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
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::{Connected, Router};
use tracing::{debug, warn};

use super::connections::{BoundedConnection, Connections};
use super::listen::BoundListener;
use crate::telemetry::ClosedConnections;

/// HTTP connections at once: operators need few.
const HTTP_CONNECTIONS: usize = 256;
/// gRPC connections at once: each thread of a proxy has two.
const GRPC_CONNECTIONS: usize = 1024;
/// From the opening of a connection, or the last answer on it, to the end of a request's head.
const HTTP_HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The pause between two tries when the system has no file descriptor left: retrying at once would only waste the
/// processor.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A listener that accepts connections.
trait Accept: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Connected + Send + Unpin + 'static;

    fn accept_one(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept_one(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept_one(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl BoundListener {
    /// Serves gRPC until `stop` resolves, then takes no new connection and finishes what has begun.
    pub async fn serve(
        self,
        router: Router,
        closed: ClosedConnections,
        stop: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        let connections = Connections::at_most(GRPC_CONNECTIONS, closed);
        match self {
            BoundListener::Unix(listener, _) => {
                router.serve_with_incoming_shutdown(incoming(listener, connections), stop).await
            }
            BoundListener::Tcp(listener, _) => {
                router.serve_with_incoming_shutdown(incoming(listener, connections), stop).await
            }
        }
    }

    /// The same for HTTP.
    pub async fn serve_http(
        self,
        router: axum::Router,
        closed: ClosedConnections,
        stop: impl Future<Output = ()>,
    ) {
        let connections = Connections::at_most(HTTP_CONNECTIONS, closed);
        match self {
            BoundListener::Unix(listener, _) => serve_http(listener, connections, router, stop).await,
            BoundListener::Tcp(listener, _) => serve_http(listener, connections, router, stop).await,
        }
    }
}

/// A stream of the accepted connections. It ends when the receiver is gone.
fn incoming<L: Accept + Sync>(
    listener: L,
    connections: Arc<Connections>,
) -> ReceiverStream<io::Result<BoundedConnection<L::Stream>>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok(place) = sender.reserve().await {
            tokio::select! {
                stream = next(&listener) => place.send(Ok(connections.admit(stream))),
                () = sender.closed() => break,
            }
        }
    });
    ReceiverStream::new(receiver)
}

async fn serve_http<L: Accept + Sync>(
    listener: L,
    connections: Arc<Connections>,
    router: axum::Router,
    stop: impl Future<Output = ()>,
) {
    let (ending, mut stop) = (GracefulShutdown::new(), pin!(stop));
    let service = TowerToHyperService::new(router);
    loop {
        let stream = tokio::select! {
            stream = next(&listener) => connections.admit(stream),
            () = &mut stop => break,
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HTTP_HEAD_WITHIN)
            .serve_connection(TokioIo::new(stream), service.clone());
        let (connection, connections) = (ending.watch(connection), Arc::clone(&connections));
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                debug!("a connection ended early: {e}");
                if e.is_timeout() {
                    connections.count_without_request();
                }
            }
        });
    }
    ending.shutdown().await;
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
