//! Runs the operator: the listeners, the watch, the Lease, and the loop of rounds. Ends when one of them ends.

mod round;
mod telling;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::base::{self, Demands};
use super::cluster::{Leadership, StateStore, WatchedRoutes, keep_lease, watch};
use super::config::Config;
use super::served::{self, Published};
use super::telemetry::Figures;
use super::webhook::{self, Webhook};
use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::edge::http::health;
use crate::edge::listen::{BoundListener, ListenAddress};
use crate::edge::serve::{OPERATORS_CONNECTIONS, PROXIES_CONNECTIONS, Pages, Protocol, Transport};
use crate::edge::tls::{self, Offered, PeerAdmission, Tls};
use crate::fetch::Fetcher;
use crate::server::StopSignals;
use crate::telemetry::{ClosedConnections, Readiness};
use round::{Operator, Round};

/// A round waits for the API at most a few times as long as one call may take.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// Why the operator cannot run: one line for the person who started it.
#[derive(Debug)]
pub struct OperatorError(String);

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OperatorError {}

fn failed(error: impl fmt::Display) -> OperatorError {
    OperatorError(error.to_string())
}

/// Runs until the process must stop.
pub async fn run(config: Config) -> Result<(), OperatorError> {
    let mut signals = StopSignals::listen();
    let clock = Clock::of_the_machine();
    let client = Client::try_default().await.map_err(|error| {
        OperatorError(format!(
            "cannot find the Kubernetes API: {error}; run in a pod with a service account, or set KUBECONFIG"
        ))
    })?;
    let (stop, stopping) = watch::channel(false);
    let complaints = Complaints::default();
    let figures = Figures::default();
    let published = Published::default();
    let watched = WatchedRoutes::default();
    let webhook = Webhook::new(watched.clone(), clock.clone(), figures.clone());

    let tls = webhook_tls(&config, &clock)?;
    let readiness = readiness(&config, &watched, &complaints, &published, tls.clone());
    let exposition = {
        let figures = figures.clone();
        move || figures.exposition()
    };
    let mut bound = vec![
        (config.listen.bundle, cleartext(served::router(published.clone()), PROXIES_CONNECTIONS)),
        (
            config.listen.health,
            cleartext(health::router(Arc::new(readiness), exposition), OPERATORS_CONNECTIONS),
        ),
    ];
    if let (Some(at), Some(tls)) = (&config.listen.webhook, &tls) {
        let admission = PeerAdmission::new(Arc::clone(tls), clock.clone(), None);
        let transport = Transport::Tls(Arc::new(admission), Protocol::Http1);
        bound.push((at.address, pages(webhook::router(webhook.clone()), transport, OPERATORS_CONNECTIONS)));
    }
    // Those that end when the operator stops, and those that never end by themselves.
    let (mut tasks, mut endless) = (JoinSet::new(), JoinSet::new());
    for (address, pages) in bound {
        let listener = BoundListener::at(&ListenAddress::Tcp(address)).await.map_err(failed)?;
        info!(address = %listener.address(), "listening");
        let serving = listener.serve(pages, stopping.clone());
        tasks.spawn(named("a listener", serving));
    }

    let demands = Demands {
        trust: config.base.trust.clone(),
        audience: config.audience.clone(),
        min_version: config.base.min_version,
        floor: Arc::default(),
        clock: clock.clone(),
    };
    let signs = config.routes_key.is_some();
    let (base_known, base) = watch::channel(None);
    base::start(&config.base, demands.clone(), !signs, Arc::clone(&complaints.base), base_known)
        .map_err(failed)?;
    let mut known = base.clone();
    // Its thread holds the other end.
    endless.spawn(named(
        "the thread that reads the base",
        async move { while known.changed().await.is_ok() {} },
    ));
    let (objects_changed, objects) = watch::channel(0);
    endless.spawn(named("the watch", watch(client.clone(), watched.clone(), objects_changed)));
    let (lead, leads) = watch::channel(None);
    let lease = keep_lease(
        client.clone(),
        (config.cluster.namespace.clone(), config.cluster.lease.clone()),
        own_name(),
        clock.clone(),
        lead,
        Arc::clone(&complaints.lease),
        stopping.clone(),
    );
    tasks.spawn(named("the election", lease));
    endless.spawn(named("the reading of certificates", tls::keep_current(tls.into_iter().collect())));
    let store = StateStore::new(client.clone(), &config.cluster.namespace, &config.cluster.config_map);
    let fetcher = Fetcher::new().map_err(failed)?;
    let operator = Operator {
        config,
        client,
        clock,
        demands,
        store,
        fetcher,
        published,
        webhook,
        watched,
        figures,
        complaints,
        leadership: Leadership::new(leads),
        base,
        objects,
        known: Round::default(),
    };
    tasks.spawn(named("the loop that builds and signs", operator.rounds(stopping.clone())));
    let outcome = tokio::select! {
        () = signals.received() => {
            info!("stopping");
            Ok(())
        }
        // The rest would go on with what it knew, and nobody would notice. Kubernetes starts the operator again.
        why = one_ended(&mut tasks, &mut endless) => {
            error!("{why}");
            Err(why)
        }
    };
    // Everything receives it; what has ended already needs it no more.
    let _ = stop.send(true);
    endless.abort_all();
    let ended = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(STOPS_WITHIN, ended).await.is_err() {
        warn!("stopped before everything had ended");
    }
    info!("stopped");
    outcome
}

/// Runs a part of the operator; its name is for the message if it ends.
async fn named(name: &'static str, part: impl Future<Output = ()>) -> &'static str {
    part.await;
    name
}

/// Resolves when a part has ended that should not.
async fn one_ended(tasks: &mut JoinSet<&'static str>, endless: &mut JoinSet<&'static str>) -> OperatorError {
    let ended = tokio::select! {
        Some(ended) = tasks.join_next() => ended,
        Some(ended) = endless.join_next() => ended,
        else => return OperatorError("nothing runs any more".to_owned()),
    };
    match ended {
        Ok(name) => OperatorError(format!("{name} has ended, and the operator stops")),
        Err(why) => OperatorError(format!("a part of the operator has failed, and it stops: {why}")),
    }
}

/// The name under which this process holds the Lease: the pod's, and a part that no process before it had.
fn own_name() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = super::verdict::cut(host.trim(), 200);
    format!("{host}_{:016x}", RandomState::new().build_hasher().finish())
}

fn webhook_tls(config: &Config, clock: &Clock) -> Result<Option<Arc<Tls>>, OperatorError> {
    let Some(at) = &config.listen.webhook else { return Ok(None) };
    // The streams of one connection of HTTP/2 would be bodies that come at once without any place.
    match Tls::open(at.files.clone(), Offered::Http1, clock.clone()) {
        Ok(tls) => Ok(Some(Arc::new(tls))),
        Err(faults) => {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Err(OperatorError(faults.join("; ")))
        }
    }
}

fn cleartext(router: Router, connections: usize) -> Pages {
    pages(router, Transport::Cleartext(Protocol::Http1), connections)
}

fn pages(router: Router, transport: Transport, connections: usize) -> Pages {
    Pages { router, transport, arrivals: None, connections, closed: ClosedConnections::default() }
}

/// What may be wrong for a while.
#[derive(Clone, Debug, Default)]
struct Complaints {
    base: Arc<Complaint>,
    lease: Arc<Complaint>,
    state: Arc<Complaint>,
    build: Arc<Complaint>,
    note: Arc<Complaint>,
    behind: Arc<Complaint>,
    vanished: Arc<Complaint>,
}

fn readiness(
    config: &Config,
    watched: &WatchedRoutes,
    complaints: &Complaints,
    published: &Published,
    tls: Option<Arc<Tls>>,
) -> Readiness {
    let told = |complaint: &Arc<Complaint>| {
        let complaint = Arc::clone(complaint);
        move || complaint.reason().map_or(Ok(()), Err)
    };
    let remark = |complaint: &Arc<Complaint>| {
        let complaint = Arc::clone(complaint);
        move || Ok(complaint.reason())
    };
    let (watched, published) = (watched.clone(), published.clone());
    let signs = config.routes_key.is_some();
    let readiness = Readiness::default()
        // A watch that breaks is mended by itself, and what was complete stays good to compare with.
        .with_optional_remark("objects", {
            let watched = watched.clone();
            move || match watched.gathered(|seen| seen.why_not()) {
                Some(why) => Err(watched.broken.reason().map_or(why.clone(), |broken| format!("{why}: {broken}"))),
                None => Ok(watched.broken.reason().or_else(|| watched.gathered(|seen| seen.too_many()))),
            }
        })
        .with_optional_remark("vanished", remark(&complaints.vanished))
        .with_optional_remark("base", remark(&complaints.base))
        .with_optional_remark("lease", remark(&complaints.lease))
        .with("state", told(&complaints.state))
        .with_optional_remark("build", remark(&complaints.build))
        .with_optional_remark("note", remark(&complaints.note))
        .with_optional_remark("behind", remark(&complaints.behind))
        .with("bundle", move || {
            if published.has_current_bundle() || (!signs && published.has_unsigned()) {
                Ok(())
            } else {
                Err("nothing with a current note is published: it needs a signed base, all objects, and a signature of the routes".to_owned())
            }
        });
    match tls {
        None => readiness,
        Some(tls) => readiness.with_optional_remark("webhook", move || tls.readiness()),
    }
}
