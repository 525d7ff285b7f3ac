//! The server as a whole: what is opened in which order, and how it ends.
//!
//! Order matters. The ledger comes first, because every fact is folded from it; then the bundle, because nothing can be
//! judged without one; then the listeners, so that whoever can connect gets an answer. On the way out the other way
//! round: the door closes, what has begun is finished, the ledger is closed last.

use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::service::interceptor::InterceptedService;
use tracing::info;

use crate::clock::Clock;
use crate::config::Config;
use crate::edge::ext_authz::ExtAuthz;
use crate::edge::http::log::Log;
use crate::edge::http::{self, Shown};
use crate::edge::listen::NamePeer;
use crate::gateway::{Admission, Gateway, Gatherer, Recorder, Verified};
use crate::metrics::{LedgerFigures, Metrics};
use crate::readiness::Readiness;

mod beside;
mod health;
mod notes;
mod open;
mod restored;
mod stop;

pub use open::ledger_options;

/// A proxy that answers no ping is gone, whatever its connection says.
const PEER_ANSWERS_EVERY: Duration = Duration::from_secs(15);
const PEER_ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Every decision has been answered by then; what is left are peers that do not go.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// Serves until the process is told to stop. The error is one line for whoever started it.
///
/// `is_restored`: the ledger's disk was brought back from a backup, and a new log begins in place of the old one.
pub async fn run(config: Config, is_restored: bool) -> Result<(), String> {
    let clock = Clock::of_the_machine();
    if is_restored {
        restored::begin_anew(&config, &clock)?;
    }
    let opened = open::open(&config, &clock)?;
    let (ledger, policy) = (opened.ledger, opened.policy);
    let figures = LedgerFigures::new(ledger.clone());
    let metrics = Arc::new(Metrics::new(figures.clone()));
    let admission = Admission::of(config.limits.decisions);
    let recorder =
        Recorder::new(ledger.clone(), config.ledger.digest_key, config.limits.denials, clock.clone());
    let readiness = Arc::new(readiness(&ledger, &policy, &clock, &admission));
    let gateway = Arc::new(Gateway {
        gatherer: Gatherer {
            clock: clock.clone(),
            policy: Arc::clone(&policy),
            ledger: ledger.clone(),
            verified: Verified::new(),
            environment: config.environment,
            stance: opened.stance,
        },
        burner: opened.burner,
        recorder: recorder.clone(),
        admission: admission.clone(),
        metrics: Arc::clone(&metrics),
        deadline: config.limits.deadline,
    });

    let ext_authz = config.listen.ext_authz.bind().await?;
    let shown = config.listen.http.bind().await?;
    let (health_reporter, health) = tonic_health::server::health_reporter();
    let checks = InterceptedService::new(AuthorizationServer::new(ExtAuthz::new(gateway)), NamePeer);
    let router = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(PEER_ANSWERS_EVERY))
        .http2_keepalive_timeout(Some(PEER_ANSWERS_WITHIN))
        .add_service(health)
        .add_service(checks);
    info!(ext_authz = %ext_authz.address(), http = %shown.address(), "listening");

    let (stop, stopping) = watch::channel(false);
    let beside = [
        tokio::spawn(notes::renew(config.bundle, policy, clock.clone())),
        tokio::spawn(beside::floods(recorder.clone())),
        tokio::spawn(beside::disk(figures, clock)),
        tokio::spawn(health::tell(health_reporter, Arc::clone(&readiness))),
    ];
    let log = Log { ledger: ledger.clone(), readers: Arc::new(config.ledger.readers) };
    let pages = http::router(Shown { readiness, metrics, log });
    let told = stop::told(stopping.clone());
    let mut listeners = JoinSet::new();
    listeners.spawn(async move {
        shown.serve_http(pages, told).await;
        Ok(())
    });
    listeners.spawn(ext_authz.serve(router, stop::told(stopping)));

    let ended_early = tokio::select! {
        () = stop::asked() => None,
        ended = listeners.join_next() => ended,
    };
    info!("stopping: finishing what has begun, denying what is new");
    admission.close();
    admission.emptied().await;
    // Both listeners hear it; neither being left to hear it would mean both have ended already.
    let _ = stop.send(true);
    beside.iter().for_each(|task| task.abort());
    let ended = stop::within(LEAVE_WITHIN, listeners).await;
    recorder.record_floods(true);
    // Whatever became of connections: what is on record is complete, and says that it was ended in order.
    ledger.close();
    ended_early.into_iter().chain(ended).try_for_each(|ended| ended.map_err(|e| e.to_string())?)?;
    info!("stopped");
    Ok(())
}

fn readiness(
    ledger: &ledger::Ledger,
    policy: &Arc<crate::policy_in_force::PolicyInForce>,
    clock: &Clock,
    admission: &Admission,
) -> Readiness {
    let (ledger, policy, clock, admission) =
        (ledger.clone(), Arc::clone(policy), clock.clone(), admission.clone());
    Readiness::default()
        .with("ledger", move || ledger.health().refusing.map_or(Ok(()), |refused| Err(refused.to_string())))
        .with("bundle", move || policy.readiness(clock.now()))
        .with(
            "door",
            move || if admission.is_closed() { Err("this server is stopping".into()) } else { Ok(()) },
        )
}
