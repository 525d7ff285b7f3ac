//! Runs the server: the listeners and the background tasks, until it stops.

use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::accesslog::v3::access_log_service_server::AccessLogServiceServer;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use ledger::Ledger;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tonic::service::interceptor::InterceptedService;
use tracing::info;

use super::error::ServerError;
use super::open::OpenedServer;
use super::snapshots::{self, SnapshotThread};
use super::{background, health, stop};
use crate::bundles::{self, KeeperThread};
use crate::config::Listen;
use crate::edge::access_log::AccessLog;
use crate::edge::ext_authz::ExtAuthz;
use crate::edge::http;
use crate::edge::http::health::{self as health_pages, Health};
use crate::edge::http::log::Log;
use crate::edge::listen::{BoundListener, ListenAddress, SocketUsers};
use crate::edge::proxy_identity::NameProxy;
use crate::gateway::Admission;
use crate::outcomes::Outcomes;
use crate::recorder::Recorder;

/// A proxy that answers no ping is gone, even if its connection looks open.
const PEER_ANSWERS_EVERY: Duration = Duration::from_secs(15);
const PEER_ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// What a proxy may send unread: on one stream enough for the largest check, and on a connection many times that, so that
/// one stream that is read late cannot hold up the others.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * STREAM_WINDOW;
/// A proxy keeps lines of its access log back for a moment (`buffer_flush_interval`, 250 ms in our configurations). A
/// stop waits this long for the lines about the last decisions.
const LAST_LINES: Duration = Duration::from_millis(400);
/// Every decision was answered before; only peers that do not close their connection are left.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// How one listener ended.
type ListenerEnd = Result<Result<(), tonic::transport::Error>, JoinError>;

/// A running server.
pub(super) struct Serving {
    listeners: JoinSet<Result<(), tonic::transport::Error>>,
    background: [JoinHandle<()>; 4],
    witness_tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    admission: Admission,
    outcomes: Arc<Outcomes>,
    recorder: Recorder,
    ledger: Ledger,
    snapshots: SnapshotThread,
    _keeper: KeeperThread,
}

pub(super) async fn serve(opened: OpenedServer) -> Result<Serving, ServerError> {
    let Listen { proxies, api, health } = opened.listen;
    let proxies = BoundListener::at(&ListenAddress::from(&proxies)).await?;
    let api = BoundListener::at(&ListenAddress::Unix { path: api, for_whom: SocketUsers::Owner }).await?;
    let health = BoundListener::at(&ListenAddress::Tcp(health)).await?;
    let (stop, stopping) = watch::channel(false);
    let (health_reporter, grpc_health) = tonic_health::server::health_reporter();
    let checks = InterceptedService::new(AuthorizationServer::new(ExtAuthz::new(opened.gateway)), NameProxy);
    let access_log = AccessLog::new(Arc::clone(&opened.outcomes), stopping.clone());
    let access_log = InterceptedService::new(AccessLogServiceServer::new(access_log), NameProxy);
    let router = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(PEER_ANSWERS_EVERY))
        .http2_keepalive_timeout(Some(PEER_ANSWERS_WITHIN))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(grpc_health)
        .add_service(checks)
        .add_service(access_log);
    info!(proxies = %proxies.address(), api = %api.address(), health = %health.address(), "listening");

    let keeper = bundles::start_keeper(opened.keeper)?;
    let snapshots = snapshots::start(opened.ledger.clone(), snapshots::SCHEDULE)?;
    let background = [
        tokio::spawn(background::floods(opened.recorder.clone())),
        tokio::spawn(background::dropped_outcomes(Arc::clone(&opened.outcomes))),
        tokio::spawn(background::disk(opened.figures, opened.clock)),
        tokio::spawn(health::report(health_reporter, Arc::clone(&opened.readiness))),
    ];
    let witness_tasks = opened.witnesses.start_tasks(&opened.ledger, &stopping);
    let closed_connections = |listener| opened.metrics.closed_connections(listener);
    let (of_proxies, of_api, of_health) =
        (closed_connections("proxies"), closed_connections("api"), closed_connections("health"));
    let log = Log { ledger: opened.ledger.clone(), readers: Arc::new(opened.readers) };
    let api_pages = http::api(log, opened.candidate);
    let health_pages = health_pages::router(Health { readiness: opened.readiness, metrics: opened.metrics });
    let mut listeners = JoinSet::new();
    for (listener, pages, closed) in [(api, api_pages, of_api), (health, health_pages, of_health)] {
        let stop = stop::requested(stopping.clone());
        listeners.spawn(async move {
            listener.serve_http(pages, closed, stop).await;
            Ok(())
        });
    }
    listeners.spawn(proxies.serve(router, of_proxies, stop::requested(stopping)));
    Ok(Serving {
        listeners,
        background,
        witness_tasks,
        stop,
        admission: opened.admission,
        outcomes: opened.outcomes,
        recorder: opened.recorder,
        ledger: opened.ledger,
        snapshots,
        _keeper: keeper,
    })
}

impl Serving {
    /// Returns when the process is asked to stop, or with the listener that ended before that.
    pub(super) async fn until_asked_to_stop(&mut self) -> Option<ListenerEnd> {
        tokio::select! {
            () = stop::signalled() => None,
            ended = self.listeners.join_next() => ended,
        }
    }

    /// Finishes what has begun and closes the ledger last.
    pub(super) async fn stop(mut self, ended_early: Option<ListenerEnd>) -> Result<(), ServerError> {
        info!("stopping: running decisions finish, new requests are denied");
        self.admission.close();
        self.admission.drained().await;
        if self.outcomes.has_streams() {
            tokio::time::sleep(LAST_LINES).await;
        }
        // All listeners receive it. If there is no receiver left, both have ended already.
        let _ = self.stop.send(true);
        self.background.iter().for_each(|task| task.abort());
        let ended = stop::within(CLOSE_WITHIN, self.listeners).await;
        // These end at once, except for a write that has begun: a checkpoint must not be replaced once the ledger
        // belongs to another process.
        while self.witness_tasks.join_next().await.is_some() {}
        self.recorder.record_floods(true);
        self.outcomes.record_dropped();
        drop(self.snapshots);
        // Also if connections had to be closed: the ledger is complete and says that the server stopped cleanly.
        self.ledger.close();
        for ended in ended_early.into_iter().chain(ended) {
            ended??;
        }
        info!("stopped");
        Ok(())
    }
}
