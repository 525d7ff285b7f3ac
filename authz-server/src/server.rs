//! The server as a whole: what is opened in which order, and how it ends.
//!
//! Order matters. The ledger comes first, because every fact is folded from it; then the bundle, because nothing can be
//! judged without one; then the listeners, so that whoever can connect gets an answer. On the way out the other way
//! round: the door closes, what has begun is finished, the ledger is closed last.

use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::accesslog::v3::access_log_service_server::AccessLogServiceServer;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};
use tonic::service::interceptor::InterceptedService;
use tracing::info;

use bundles::Shadowing;
use witnesses::Witnesses;

use crate::bundle_news::BundleNews;
use crate::candidate::Candidate;
use crate::clock::Clock;
use crate::config::{BundlePlace, Config};
use crate::edge::access_log::AccessLog;
use crate::edge::candidate;
use crate::edge::ext_authz::ExtAuthz;
use crate::edge::http::log::Log;
use crate::edge::http::{self, Shown};
use crate::edge::listen::NamePeer;
use crate::gateway::{Admission, Gateway, Gatherer, Recorder, Shadow, Verified};
use crate::metrics::{BundleFigures, LedgerFigures, Metrics};
use crate::outcomes::Outcomes;
use crate::policy::TrustKeys;
use crate::policy_in_force::PolicyInForce;
use crate::readiness::Readiness;

mod beside;
mod bundles;
mod health;
mod open;
mod restored;
mod stop;
mod witnesses;

pub use open::ledger_options;

/// A proxy that answers no ping is gone, whatever its connection says.
const PEER_ANSWERS_EVERY: Duration = Duration::from_secs(15);
const PEER_ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// A proxy keeps lines of its access log back for a moment (`buffer_flush_interval`, in what we ship 250 ms): those about
/// the last decisions are waited for.
const LAST_LINES: Duration = Duration::from_millis(400);
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
    let trust = config.bundle.trust.clone();
    let mut witnesses = Witnesses::of(&config.ledger.witnesses)?;
    let counted = witnesses.consult(&config.ledger.directory).await?;
    let opened = block_in_place(|| {
        open::open(&config.ledger, counted, config.bundle, config.audience.clone(), &clock)
    })?;
    let (ledger, keeper) = (opened.ledger, opened.keeper);
    let (policy, news) = (keeper.policy(), keeper.news());
    let candidate = config.candidate.is_some().then(Arc::<Candidate>::default);
    let figures = LedgerFigures::new(ledger.clone());
    let bundle_figures =
        BundleFigures { policy: Arc::clone(&policy), news: Arc::clone(&news), candidate: candidate.clone() };
    let metrics = Arc::new(Metrics::new(figures.clone(), bundle_figures).with_witnesses(witnesses.figures()));
    let admission = Admission::of(config.limits.decisions);
    let readiness = Arc::new(witnesses.told_by(readiness(&ledger, &policy, news, &clock, &admission)));
    let recorder =
        Recorder::new(ledger.clone(), config.ledger.digest_key, config.limits.denials, clock.clone());
    let gatherer = || Gatherer {
        clock: clock.clone(),
        policy: Arc::clone(&policy),
        ledger: ledger.clone(),
        verified: Verified::new(),
        environment: config.environment.clone(),
        stance: opened.stance,
    };
    let shadow = match (config.candidate, &candidate) {
        (Some(place), Some(candidate)) => {
            Some(shadow(place, trust, config.audience, &clock, candidate, gatherer())?)
        }
        (Some(_) | None, Some(_) | None) => None,
    };
    let gateway = Arc::new(Gateway {
        gatherer: gatherer(),
        burner: opened.burner,
        recorder: recorder.clone(),
        admission: admission.clone(),
        metrics: Arc::clone(&metrics),
        shadow,
        deadline: config.limits.deadline,
    });

    let ext_authz = config.listen.ext_authz.bind().await?;
    let shown = config.listen.http.bind().await?;
    let (health_reporter, health) = tonic_health::server::health_reporter();
    let checks = InterceptedService::new(AuthorizationServer::new(ExtAuthz::new(gateway)), NamePeer);
    let (stop, stopping) = watch::channel(false);
    let outcomes = Arc::new(Outcomes::new(opened.ended, recorder.clone(), Arc::clone(&metrics)));
    let access_log = AccessLog::new(Arc::clone(&outcomes), stopping.clone());
    let access_log = InterceptedService::new(AccessLogServiceServer::new(access_log), NamePeer);
    let router = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(PEER_ANSWERS_EVERY))
        .http2_keepalive_timeout(Some(PEER_ANSWERS_WITHIN))
        .add_service(health)
        .add_service(checks)
        .add_service(access_log);
    info!(ext_authz = %ext_authz.address(), http = %shown.address(), "listening");

    let _looking = bundles::keep(keeper)?;
    let beside = [
        tokio::spawn(beside::floods(recorder.clone())),
        tokio::spawn(beside::disk(figures, clock)),
        tokio::spawn(health::tell(health_reporter, Arc::clone(&readiness))),
    ];
    let mut asking = witnesses.keep_asking(&ledger, &stopping);
    let log = Log { ledger: ledger.clone(), readers: Arc::new(config.ledger.readers) };
    let pages = http::router(Shown { readiness, metrics, log }).merge(candidate::router(candidate));
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
    if outcomes.are_told() {
        tokio::time::sleep(LAST_LINES).await;
    }
    // Both listeners hear it; neither being left to hear it would mean both have ended already.
    let _ = stop.send(true);
    beside.iter().for_each(|task| task.abort());
    let ended = stop::within(LEAVE_WITHIN, listeners).await;
    // Cut short but for a write that has begun: a checkpoint must not be replaced once the ledger is another's.
    while asking.join_next().await.is_some() {}
    recorder.record_floods(true);
    // Whatever became of connections: what is on record is complete, and says that it was ended in order.
    ledger.close();
    ended_early.into_iter().chain(ended).try_for_each(|ended| ended.map_err(|e| e.to_string())?)?;
    info!("stopped");
    Ok(())
}

/// Judges by a candidate what was judged already, on a thread of its own.
fn shadow(
    place: BundlePlace,
    trust: TrustKeys,
    audience: String,
    clock: &Clock,
    candidate: &Arc<Candidate>,
    gatherer: Gatherer,
) -> Result<Shadow, String> {
    let (shadow, waiting) = Shadow::new(Arc::clone(candidate));
    let shadowing = Shadowing::new(place, trust, audience, clock.clone(), Arc::clone(candidate))?;
    shadowing.run(gatherer, waiting)?;
    Ok(shadow)
}

fn readiness(
    ledger: &ledger::Ledger,
    policy: &Arc<PolicyInForce>,
    news: Arc<BundleNews>,
    clock: &Clock,
    admission: &Admission,
) -> Readiness {
    let (ledger, policy, clock, admission) =
        (ledger.clone(), Arc::clone(policy), clock.clone(), admission.clone());
    let with_news = move |text: String| match news.complaint() {
        Some(complaint) => format!("{text}; {complaint}"),
        None => text,
    };
    Readiness::default()
        .with("ledger", move || ledger.health().refusing.map_or(Ok(()), |refused| Err(refused.to_string())))
        .with_remark("bundle", move || policy.readiness(clock.now()).map(&with_news).map_err(&with_news))
        .with(
            "door",
            move || if admission.is_closed() { Err("this server is stopping".into()) } else { Ok(()) },
        )
}
