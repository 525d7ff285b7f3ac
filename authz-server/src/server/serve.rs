//! Serving: the listeners, and the tasks in the background.

use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::accesslog::v3::access_log_service_server::AccessLogServiceServer;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use ledger::Ledger;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tonic::service::interceptor::InterceptedService;
use tracing::info;

use super::open::Opened;
use super::{background, health, stop};
use crate::bundles::{self, KeeperThread};
use crate::edge::access_log::AccessLog;
use crate::edge::ext_authz::ExtAuthz;
use crate::edge::http::log::Log;
use crate::edge::http::{self, Pages, candidate};
use crate::edge::listen::{Bound, NamePeer};
use crate::gateway::Admission;
use crate::outcomes::Outcomes;
use crate::recorder::Recorder;

/// A proxy that answers no ping is gone, whatever its connection says.
const PEER_ANSWERS_EVERY: Duration = Duration::from_secs(15);
const PEER_ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// A proxy holds lines of its access log back for a moment (`buffer_flush_interval`, 250 ms in what we ship): the lines
/// about the last decisions are waited for.
const LAST_LINES: Duration = Duration::from_millis(400);
/// Every decision has been answered by then; only peers that do not hang up are left.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// How one listener ended.
type Ended = Result<Result<(), String>, JoinError>;

/// A server that answers.
pub(super) struct Serving {
    listeners: JoinSet<Result<(), String>>,
    background: [JoinHandle<()>; 3],
    asking_witnesses: JoinSet<()>,
    stop: watch::Sender<bool>,
    admission: Admission,
    outcomes: Arc<Outcomes>,
    recorder: Recorder,
    ledger: Ledger,
    _keeper: KeeperThread,
}

pub(super) async fn serve(opened: Opened) -> Result<Serving, String> {
    let ext_authz = Bound::at(&opened.listen.ext_authz).await?;
    let http = Bound::at(&opened.listen.http).await?;
    let (stop, stopping) = watch::channel(false);
    let (health_reporter, health) = tonic_health::server::health_reporter();
    let checks = InterceptedService::new(AuthorizationServer::new(ExtAuthz::new(opened.gateway)), NamePeer);
    let access_log = AccessLog::new(Arc::clone(&opened.outcomes), stopping.clone());
    let access_log = InterceptedService::new(AccessLogServiceServer::new(access_log), NamePeer);
    let router = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(PEER_ANSWERS_EVERY))
        .http2_keepalive_timeout(Some(PEER_ANSWERS_WITHIN))
        .add_service(health)
        .add_service(checks)
        .add_service(access_log);
    info!(ext_authz = %ext_authz.address(), http = %http.address(), "listening");

    let keeper = bundles::keep(opened.keeper)?;
    let background = [
        tokio::spawn(background::floods(opened.recorder.clone())),
        tokio::spawn(background::disk(opened.figures, opened.clock)),
        tokio::spawn(health::tell(health_reporter, Arc::clone(&opened.readiness))),
    ];
    let asking_witnesses = opened.witnesses.keep_asking(&opened.ledger, &stopping);
    let log = Log { ledger: opened.ledger.clone(), readers: Arc::new(opened.readers) };
    let pages = http::router(Pages { readiness: opened.readiness, metrics: opened.metrics, log })
        .merge(candidate::router(opened.candidate));
    let mut listeners = JoinSet::new();
    let http_stop = stop::told(stopping.clone());
    listeners.spawn(async move {
        http.serve_http(pages, http_stop).await;
        Ok(())
    });
    listeners.spawn(ext_authz.serve(router, stop::told(stopping)));
    Ok(Serving {
        listeners,
        background,
        asking_witnesses,
        stop,
        admission: opened.admission,
        outcomes: opened.outcomes,
        recorder: opened.recorder,
        ledger: opened.ledger,
        _keeper: keeper,
    })
}

impl Serving {
    /// Returns when the process is asked to stop, or with the listener that ended before that.
    pub(super) async fn until_asked_to_stop(&mut self) -> Option<Ended> {
        tokio::select! {
            () = stop::asked() => None,
            ended = self.listeners.join_next() => ended,
        }
    }

    /// Finishes what has begun, and closes the ledger last.
    pub(super) async fn stop(mut self, ended_early: Option<Ended>) -> Result<(), String> {
        info!("stopping: finishing what has begun, denying what is new");
        self.admission.close();
        self.admission.emptied().await;
        if self.outcomes.are_told() {
            tokio::time::sleep(LAST_LINES).await;
        }
        // Both listeners receive it. If there is no receiver left, both have ended already.
        let _ = self.stop.send(true);
        self.background.iter().for_each(|task| task.abort());
        let ended = stop::within(LEAVE_WITHIN, self.listeners).await;
        // These end at once, except for a write that has begun: a checkpoint must not be replaced once the ledger belongs to
        // another process.
        while self.asking_witnesses.join_next().await.is_some() {}
        self.recorder.record_floods(true);
        // Whatever became of connections: what is on record is complete, and says that it ended in order.
        self.ledger.close();
        ended_early.into_iter().chain(ended).try_for_each(|ended| ended.map_err(|e| e.to_string())?)?;
        info!("stopped");
        Ok(())
    }
}
