//! Runs the server: the listeners and the background tasks, until it stops.

use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::accesslog::v3::access_log_service_server::AccessLogServiceServer;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use ledger::Ledger;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tracing::info;

use super::error::ServerError;
use super::open::OpenedServer;
use super::repeating::RepeatingThread;
use super::stop::StopSignals;
use super::{background, health, indexing, snapshots, stop};
use crate::bundles::{self, KeeperThread};
use crate::console::{self, Console};
use crate::edge::access_log::AccessLog;
use crate::edge::arrivals::Arrivals;
use crate::edge::ext_authz::ExtAuthz;
use crate::edge::http::log::Log;
use crate::edge::http::{
    self, ApiPages, Authenticator, AuthorityPages, CallCounter, PollPlaces, ProxiesPage, StatementPage,
};
use crate::edge::listen::{BoundListener, ListenAddress};
use crate::edge::proxy_identity::{AdmitProxy, NamedProxies};
use crate::edge::serve::{OPERATORS_CONNECTIONS, PROXIES_CONNECTIONS, Pages, Protocol, Transport};
use crate::edge::tls;
use crate::gateway::{Admission, JudgingThread};
use crate::outcomes::Outcomes;
use crate::recorder::Recorder;

/// A proxy keeps lines of its access log back for a moment (`buffer_flush_interval`, 250 ms in our configurations). A
/// stop waits this long for the lines about the last decisions.
const LAST_LINES: Duration = Duration::from_millis(400);
/// Every decision was answered before; only peers that do not close their connection are left.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// How one listener ended.
type ListenerEnd = Result<(), JoinError>;

/// A running server.
pub(super) struct Serving {
    listeners: JoinSet<()>,
    background: [JoinHandle<()>; 6],
    witness_tasks: JoinSet<()>,
    stop_signals: StopSignals,
    stop: watch::Sender<bool>,
    admission: Admission,
    outcomes: Arc<Outcomes>,
    recorder: Recorder,
    ledger: Ledger,
    snapshots: RepeatingThread,
    indexing: RepeatingThread,
    _running: JudgingThread,
    _keeper: KeeperThread,
}

pub(super) async fn serve(opened: OpenedServer) -> Result<Serving, ServerError> {
    let stop_signals = StopSignals::listen();
    let at = &opened.listeners;
    let proxies = BoundListener::at(&at.proxies.address).await?;
    let api = BoundListener::at(&at.api.address).await?;
    let health = BoundListener::at(&ListenAddress::Tcp(at.health)).await?;
    info!(proxies = %proxies.address(), api = %api.address(), health = %health.address(), "listening");
    let (stop, stopping) = watch::channel(false);
    let (health_reporter, grpc_health) = tonic_health::server::health_reporter();

    let policy = opened.keeper.policy();
    let keys = opened.keys.clone();
    let keeper = bundles::start_keeper(opened.keeper, move || keys.refresh())?;
    let running = opened.running.start()?;
    let live = opened.gateway.gatherer.live.clone();
    let known = live.clone();
    let snapshots =
        snapshots::start(opened.ledger.clone(), Box::new(move || known.tables()), snapshots::SCHEDULE)?;
    let indexing = indexing::start(opened.history)?;
    let background = [
        tokio::spawn(background::summaries(opened.recorder.clone())),
        tokio::spawn(background::dropped_outcomes(Arc::clone(&opened.outcomes))),
        tokio::spawn(background::disk(opened.figures, opened.clock.clone())),
        tokio::spawn(background::keys(opened.keys)),
        tokio::spawn(health::report(health_reporter, Arc::clone(&opened.readiness))),
        tokio::spawn(tls::keep_current(opened.listeners.tls().map(|(_, tls)| tls).collect())),
    ];
    let witness_tasks = opened.witnesses.start_tasks(&opened.ledger, &stopping);
    let named = NamedProxies { policy, clock: opened.clock.clone() };
    let admit = AdmitProxy { proxies: named.clone(), metrics: Arc::clone(&opened.metrics) };
    let authenticator = Authenticator::new(live, opened.clock.clone(), opened.fetcher);
    let arrivals = Arrivals { gateway: Arc::clone(&opened.gateway), proxies: named.clone() };
    let checks = AuthorizationServer::new(ExtAuthz::new(opened.gateway));
    let access_log =
        AccessLogServiceServer::new(AccessLog::new(Arc::clone(&opened.outcomes), stopping.clone()));
    let for_proxies = Routes::new(InterceptedService::new(checks, admit.clone()))
        .add_service(InterceptedService::new(access_log, admit.clone()))
        .add_service(InterceptedService::new(grpc_health, admit.clone()))
        .into_axum_router();
    let heard = opened.heard;
    let metrics = Arc::clone(&opened.metrics);
    let proxies_page = ProxiesPage { heard: heard.clone(), governance: Arc::clone(&opened.governance) };
    let for_proxies = for_proxies.merge(http::statement(StatementPage {
        governance: opened.governance,
        heard,
        admit,
        clock: opened.clock.clone(),
        places: PollPlaces::new(Arc::clone(&opened.metrics)),
        stopping: stopping.clone(),
    }));
    let counter = CallCounter::new(Arc::clone(&opened.metrics), opened.clock.clone());
    let of_authority = |issuer| AuthorityPages { issuer, metrics, counter: counter.clone() };
    let authority = opened.authority.map(of_authority);
    let log = Log {
        ledger: opened.ledger.clone(),
        readers: Arc::new(opened.readers),
        recorder: opened.recorder.clone(),
    };
    let exposition = {
        let metrics = Arc::clone(&opened.metrics);
        move || metrics.exposition()
    };
    let console = console::router(Console {
        reading: opened.reading.clone(),
        facts: opened.facts.clone(),
        proxies: proxies_page.clone(),
        readiness: Arc::clone(&opened.readiness),
        authenticator: authenticator.clone(),
        stopping: stopping.clone(),
    });
    let closed = |listener| opened.metrics.closed_connections(listener);
    let all = [
        (
            proxies,
            Pages {
                router: for_proxies,
                transport: opened.listeners.proxies.transport(Protocol::Http2, &opened.clock, Some(named)),
                arrivals: Some(arrivals),
                connections: PROXIES_CONNECTIONS,
                closed: closed("proxies"),
            },
        ),
        (
            api,
            Pages {
                router: http::api(ApiPages {
                    log,
                    candidate: opened.candidate,
                    proxies: proxies_page,
                    facts: opened.facts,
                    reading: opened.reading,
                    authenticator,
                    counter,
                    receipt_keys: opened.receipt_keys,
                    authority,
                })
                .merge(console),
                transport: opened.listeners.api.transport(Protocol::Http1, &opened.clock, None),
                arrivals: None,
                connections: OPERATORS_CONNECTIONS,
                closed: closed("api"),
            },
        ),
        (
            health,
            Pages {
                router: http::health::router(opened.readiness, exposition),
                transport: Transport::Cleartext(Protocol::Http1),
                arrivals: None,
                connections: OPERATORS_CONNECTIONS,
                closed: closed("health"),
            },
        ),
    ];
    let mut listeners = JoinSet::new();
    for (listener, pages) in all {
        listeners.spawn(listener.serve(pages, stopping.clone()));
    }
    Ok(Serving {
        listeners,
        background,
        witness_tasks,
        stop_signals,
        stop,
        admission: opened.admission,
        outcomes: opened.outcomes,
        recorder: opened.recorder,
        ledger: opened.ledger,
        snapshots,
        indexing,
        _running: running,
        _keeper: keeper,
    })
}

impl Serving {
    /// Returns when the process is asked to stop, or with the listener that ended before that.
    pub(super) async fn until_asked_to_stop(&mut self) -> Option<ListenerEnd> {
        tokio::select! {
            () = self.stop_signals.received() => None,
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
        self.recorder.record_reads(true);
        self.outcomes.record_dropped();
        drop(self.snapshots);
        drop(self.indexing);
        // Also if connections had to be closed: the ledger is complete and says that the server stopped cleanly.
        self.ledger.close();
        for ended in ended_early.into_iter().chain(ended) {
            ended?;
        }
        info!("stopped");
        Ok(())
    }
}
