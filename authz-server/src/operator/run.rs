//! Runs the operator: the listeners, the watch, the Lease, and one loop that builds, signs, publishes and tells, in this order. Each
//! round starts from what is known as a whole, so a round that fails is only tried again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use policy::authoring::RouteDocuments;
use policy::{Files, RoutesParcel};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tracing::{error, info, warn};
use warrant::{AwsLcVerifier, Digest};

use super::base::{self, Demands, OpenedBase, SignedBase};
use super::brake::Brake;
use super::cluster::{
    Leadership, StateStore, StoreError, StoredState, WatchedRoutes, keep_lease, watch, write_statuses,
};
use super::conditions::{Condition, Progress, Reported, conditions, to_write};
use super::config::Config;
use super::objects::{CompleteList, RouteKey, RouteObject};
use super::pace::Pace;
use super::served::{self, Published, Served};
use super::servers::{self, Seen};
use super::settle::{Foundation, Settled, settle};
use super::signing::{self, Pair};
use super::state::{SignedContent, SignedState, is_above};
use super::telemetry::{self, Figures};
use super::unsigned;
use super::verdict::Verdict;
use super::webhook::{self, Known, Webhook};
use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::edge::listen::{BoundListener, ListenAddress};
use crate::edge::serve::{OPERATORS_CONNECTIONS, PROXIES_CONNECTIONS, Pages, Protocol, Transport};
use crate::edge::tls::{self, Offered, PeerAdmission, Tls};
use crate::fetch::Fetcher;
use crate::server::StopSignals;
use crate::telemetry::{ClosedConnections, Readiness};

/// Notes, certificates and servers are looked at this often.
const ROUND_EVERY: Duration = Duration::from_secs(1);
/// Changes that come together are built together.
const TOGETHER: Duration = Duration::from_millis(100);
/// What another operator signed is read this often.
const STATE_EVERY: Duration = Duration::from_secs(2);
const SERVERS_EVERY: Duration = Duration::from_secs(2);
/// How soon the watch shows what was written.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);
/// More statuses are written in the next rounds: many new objects must not keep back a signature.
const STATUSES_AT_ONCE: usize = 512;
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
    let mut bound = vec![
        (config.listen.bundle, cleartext(served::router(published.clone()), PROXIES_CONNECTIONS)),
        (
            config.listen.health,
            cleartext(telemetry::router(readiness, figures.clone()), OPERATORS_CONNECTIONS),
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
        .with("bundle", move || {
            if published.has_bundle() || (!signs && published.has_unsigned()) {
                Ok(())
            } else {
                Err("nothing is published yet: it needs a signed base, all objects, and a signature of the routes".to_owned())
            }
        });
    match tls {
        None => readiness,
        Some(tls) => readiness.with_optional_remark("webhook", move || tls.readiness()),
    }
}

struct Operator {
    config: Config,
    client: Client,
    clock: Clock,
    demands: Demands,
    store: StateStore,
    fetcher: Fetcher,
    published: Published,
    webhook: Webhook,
    watched: WatchedRoutes,
    figures: Figures,
    complaints: Complaints,
    leadership: Leadership,
    base: watch::Receiver<Option<SignedBase>>,
    objects: watch::Receiver<u64>,
    known: Round,
}

/// What the last round found out. All of it can be found out again.
#[derive(Default)]
struct Round {
    stored: Option<StoredState>,
    stored_at: Option<Instant>,
    led: bool,
    /// From what was built last.
    built_from: Option<BuiltFrom>,
    settled: Option<Arc<Settled>>,
    pair: Option<Pair>,
    /// The base of the pair, with its own note: a new base may be here already, over which nothing is signed yet.
    over: Option<SignedBase>,
    /// A new leader signs once, whatever was signed: what it has read may be older than what was published.
    signs_afresh: bool,
    brake: Brake,
    /// The routes before those of the pair.
    before: Option<RoutesParcel>,
    /// What is published: the pair's and the base's bytes.
    published: Option<PublishedFrom>,
    unsigned: Option<Digest>,
    pace: Pace,
    seen: Seen,
    asked_at: Option<Instant>,
    /// By object: its documents in the pair, and the base and the routes in which they first stood as they are.
    since: BTreeMap<RouteKey, (Digest, u64, u64)>,
    /// What was written and when, until the watch shows it.
    written: BTreeMap<RouteKey, (Instant, Vec<Condition>)>,
    /// Statuses that are being written now.
    writing: Option<JoinHandle<BTreeMap<RouteKey, Vec<Condition>>>>,
    /// The object up to which statuses were written, if there were too many for one time.
    told_to: Option<RouteKey>,
}

struct BuiltFrom {
    base: Arc<OpenedBase>,
    signed: Arc<Files>,
    objects: CompleteList,
}

#[derive(PartialEq)]
struct PublishedFrom {
    content: SignedContent,
    base: Digest,
    base_note: Option<Vec<u8>>,
}

impl Operator {
    async fn rounds(mut self, mut stopping: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(ROUND_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = async { drop(stopping.wait_for(|stops| *stops).await) } => return,
                // What may have closed its end is found out by the tick.
                Ok(()) = self.objects.changed() => tokio::time::sleep(TOGETHER).await,
                Ok(()) = self.base.changed() => {}
                () = self.leadership.changed() => {}
                _ = ticks.tick() => {}
            }
            self.objects.mark_unchanged();
            self.round().await;
        }
    }

    async fn round(&mut self) {
        let leads = self.leadership.leads();
        self.figures.leads.set(u64::from(leads));
        if !self.read_state(leads).await {
            return;
        }
        if leads {
            self.restore_state().await;
        }
        let base = self.base.borrow().clone();
        let Some(base) = base else { return };
        let content = self.last_content(&base);
        self.open_pair(&base, content.as_ref());
        let signed = Arc::new(content.map(|content| content.routes.files).unwrap_or_default());
        let Some(settled) = self.build(&base, signed).await else {
            // What was signed stays published, and its note is renewed.
            if leads {
                self.renew_note().await;
            }
            self.publish();
            return;
        };
        if self.config.routes_key.is_none() {
            self.leave_unsigned(&settled);
        } else if leads {
            if self.known.signs_afresh {
                self.ask_servers().await;
            }
            self.sign(&base, &settled).await;
        }
        self.publish();
        self.note_since(&settled);
        if leads {
            self.ask_servers().await;
            self.tell(&base, &settled).await;
        }
    }

    /// What was signed last, as it is kept in the cluster. Returns whether it is known.
    async fn read_state(&mut self, leads: bool) -> bool {
        if self.config.routes_key.is_none() {
            return true;
        }
        let is_new_leader = leads && !self.known.led;
        self.known.led &= leads;
        let is_old = self.known.stored_at.is_none_or(|at| at.elapsed() >= STATE_EVERY);
        if self.known.stored.is_some() && !is_new_leader && (leads || !is_old) {
            return true;
        }
        match self.store.read().await {
            Ok(stored) => {
                self.complaints.state.clear();
                self.known.stored_at = Some(Instant::now());
                self.known.led = leads;
                self.known.signs_afresh |= is_new_leader;
                let is_same = self.known.stored.as_ref().is_some_and(|before| before.is_same(&stored));
                if !is_same {
                    self.take_stored(stored);
                }
                true
            }
            Err(error) => {
                self.complain_of_state(&error);
                // A leader that cannot read it must not sign; others go on with what they have.
                !leads && self.known.stored.is_some()
            }
        }
    }

    /// If the object is gone, or an older one was restored, while this process still knows what was signed, it is written again.
    async fn restore_state(&mut self) {
        let Some(stored) = &self.known.stored else { return };
        let is_lost = |pair: &Pair| is_above(&pair.bundle.activated(), stored.state.floor.as_ref());
        if let (Some(pair), Some(over)) = (self.known.pair.clone().filter(is_lost), self.known.over.clone())
            && self.keep(pair, over).await
        {
            warn!(
                "what was signed was gone from the cluster, or an older one was there; it is kept there again"
            );
        }
    }

    fn take_stored(&mut self, stored: StoredState) {
        self.demands.raise_floor(stored.state.floor.clone());
        self.known.stored = Some(stored);
    }

    fn complain_of_state(&self, error: &StoreError) {
        let why = error.to_string();
        if self.complaints.state.raise(&why) {
            error!("{why}");
        }
    }

    /// The routes that were signed last, if those who may sign over this base have signed them.
    fn last_content(&self, base: &SignedBase) -> Option<SignedContent> {
        let content = match self.config.routes_key {
            Some(_) => self.known.stored.as_ref()?.state.signed.clone()?,
            None => base.offered.clone()?,
        };
        base.opened.base.vouches_for(&content.routes, &AwsLcVerifier).then_some(content)
    }

    /// Opens what was signed last over this base. What was signed over another base is no pair with it.
    fn open_pair(&mut self, base: &SignedBase, content: Option<&SignedContent>) {
        let is_over = |pair: &Pair| pair.bundle.base().digest() == base.opened.base.digest();
        if self.known.pair.as_ref().is_some_and(is_over) {
            self.known.over = Some(base.clone());
        }
        let Some(content) = content else { return };
        let is_known = |pair: &Pair| {
            pair.content == *content && pair.bundle.base().digest() == base.opened.base.digest()
        };
        if self.known.pair.as_ref().is_some_and(is_known) {
            return;
        }
        let opened = self.demands.with(|expected| Pair::open(&base.opened.parcel, content.clone(), expected));
        if let Ok(pair) = opened {
            self.take_pair(pair, base.clone());
        }
    }

    fn take_pair(&mut self, pair: Pair, over: SignedBase) {
        self.known.over = Some(over);
        let before = self.known.pair.replace(pair).map(|before| before.content.routes);
        let is_other = |before: &RoutesParcel| {
            self.known.pair.as_ref().is_some_and(|pair| pair.content.routes.manifest != before.manifest)
        };
        if let Some(before) = before.filter(is_other) {
            self.known.before = Some(before);
        }
    }

    /// Builds from the complete list, unless nothing has changed since. `None`: there is no complete list, or nothing can be built.
    async fn build(&mut self, base: &SignedBase, signed: Arc<Files>) -> Option<Arc<Settled>> {
        let Some(objects) = self.watched.gathered(|seen| seen.complete()) else {
            self.webhook.know(None);
            return None;
        };
        let objects = self.with_brake(objects, &signed);
        let is_same = self.known.built_from.as_ref().is_some_and(|from| {
            Arc::ptr_eq(&from.base, &base.opened) && from.signed == signed && from.objects == objects
        });
        if is_same && let Some(settled) = &self.known.settled {
            return Some(Arc::clone(settled));
        }
        let (opened, quota, now) = (Arc::clone(&base.opened), self.config.quota, self.clock.now());
        let (for_build, list, begun) = (Arc::clone(&signed), objects.clone(), Instant::now());
        let built = tokio::task::spawn_blocking(move || {
            let foundation =
                Foundation { base: &opened.base, grounds: &opened.grounds, signed: &for_build, quota };
            settle(&foundation, &list, now)
        })
        .await;
        self.figures.builds.observe(begun.elapsed().as_secs_f64());
        let settled = match built {
            Ok(Ok(settled)) => Arc::new(settled),
            Ok(Err(why)) => return self.cannot_build(&why.to_string()),
            Err(why) => return self.cannot_build(&format!("the build ended: {why}")),
        };
        self.complaints.build.clear();
        let refused = settled.verdicts.values().filter(|verdict| !verdict.is_accepted()).count();
        self.figures.objects.set(u64::try_from(objects.len()).unwrap_or(u64::MAX));
        self.figures.refused.set(u64::try_from(refused).unwrap_or(u64::MAX));
        info!(objects = objects.len(), refused, milliseconds = begun.elapsed().as_millis(), "built");
        self.webhook.know(Some(Known {
            base: Arc::clone(&base.opened),
            signed: Arc::clone(&signed),
            quota,
            settled: Arc::clone(&settled),
        }));
        self.known.built_from = Some(BuiltFrom { base: Arc::clone(&base.opened), signed, objects });
        self.known.settled = Some(Arc::clone(&settled));
        Some(settled)
    }

    /// The objects, with those that are gone together with most others.
    fn with_brake(&mut self, objects: CompleteList, signed: &Files) -> CompleteList {
        if !self.known.brake.holds(signed, &objects, Instant::now().into_std()) {
            self.complaints.vanished.clear();
            return objects;
        }
        let why = "most of the signed routes have no object any more: they stay in force for ten minutes; apply the objects again, or wait if they were removed on purpose";
        if self.complaints.vanished.raise(why) {
            error!("{why}");
        }
        objects.with_signed(signed, |_| true)
    }

    fn cannot_build<T>(&self, why: &str) -> Option<T> {
        self.webhook.know(None);
        self.figures.failures.inc();
        let why = format!("nothing can be built, and what was signed last stays: {why}");
        if self.complaints.build.raise(&why) {
            error!("{why}");
        }
        None
    }

    /// Signs what was built if it is not what is signed, and renews the note.
    async fn sign(&mut self, base: &SignedBase, settled: &Settled) {
        let Some(key) = &self.config.routes_key else { return };
        if self.known.stored.is_none() {
            return;
        }
        let files = signing::files_of_teams(&settled.built, &base.opened.base);
        let (now, lifetime) = (self.clock.now(), self.config.lifetime);
        // A version that is not above what a server has would be refused there.
        let seen = self.known.seen.newest_routes(base.opened.base.version(), now);
        let is_current = |pair: &Pair| {
            !pair.is_outdated(&base.opened.base, &files, now, lifetime)
                && pair.bundle.routes_version() >= seen
        };
        if !self.known.signs_afresh && self.known.pair.as_ref().is_some_and(is_current) {
            return self.renew_note().await;
        }
        // A new base waits for nothing: without routes over it no server can take it.
        let is_over = |pair: &Pair| pair.bundle.base().digest() == base.opened.base.digest();
        let is_of_this_base = self.known.pair.as_ref().is_some_and(is_over);
        if is_of_this_base && !self.known.pace.allows(Instant::now().into_std()) {
            return self.renew_note().await;
        }
        let state = SignedState { floor: self.demands.floor(), signed: None };
        let parts = (&base.opened.base, &base.opened.parcel);
        let signed = self
            .demands
            .with(|expected| signing::sign(&settled.built, parts, (&state, seen), key, expected, lifetime));
        let pair = match signed {
            Ok(pair) => pair,
            Err(why) => {
                self.figures.failures.inc();
                let why = format!("cannot sign the routes: {why}");
                if self.complaints.build.raise(&why) {
                    error!("{why}");
                }
                // Until it can be signed, what was signed last must not run out.
                return self.renew_note().await;
            }
        };
        let version = pair.bundle.routes_version().unwrap_or_default();
        self.known.pace.note(Instant::now().into_std());
        if self.keep(pair, base.clone()).await {
            self.known.signs_afresh = false;
            self.figures.signed.inc();
            info!(
                version,
                base = base.opened.base.version(),
                files = files.len(),
                "signed and published the routes"
            );
        }
    }

    /// Renews the note about what is published, also if it is over a base that is not the newest any more.
    async fn renew_note(&mut self) {
        let Some(key) = &self.config.routes_key else { return };
        let now = self.clock.now();
        let pair = self.known.pair.as_ref().filter(|pair| pair.wants_note(now));
        let (Some(pair), Some(over)) = (pair, self.known.over.clone()) else { return };
        let noted = self
            .demands
            .with(|expected| signing::with_note(pair.clone(), key, &over.opened.parcel, expected));
        match noted {
            Ok(pair) => {
                if self.keep(pair, over).await {
                    info!("renewed the note about the routes");
                }
            }
            Err(why) => warn!("cannot renew the note about the routes: {why}"),
        }
    }

    /// Keeps a pair in the cluster, and only then takes it for published. Returns false if it is not kept.
    ///
    /// A crash before the write leaves what was there; one after it leaves a version that is read again at the next start.
    async fn keep(&mut self, pair: Pair, over: SignedBase) -> bool {
        let Some(stored) = self.known.stored.clone() else { return false };
        if !self.leadership.leads() {
            return false;
        }
        let state = SignedState { floor: Some(pair.bundle.activated()), signed: Some(pair.content.clone()) };
        match self.store.write(&stored, state).await {
            Ok(None) => {
                // Published all the same, it would be lost at the next start, and with it the last signed version of every route.
                let why = "nothing is signed: it would be too large for a ConfigMap, although it is within the quotas; remove some routes or tests";
                if self.complaints.build.raise(why) {
                    error!("{why}");
                }
                false
            }
            Ok(Some(stored)) => {
                self.complaints.state.clear();
                self.take_stored(stored);
                self.take_pair(pair, over);
                true
            }
            Err(error) => {
                self.complain_of_state(&error);
                // It is read again before anything else is signed.
                self.known.stored = None;
                self.known.led = false;
                false
            }
        }
    }

    /// Publishes the pair with its own base. A new base is published together with the first routes over it.
    fn publish(&mut self) {
        let (Some(pair), Some(base)) = (&self.known.pair, &self.known.over) else { return };
        let from = PublishedFrom {
            content: pair.content.clone(),
            base: base.opened.base.digest(),
            base_note: base.note.clone(),
        };
        if self.known.published.as_ref() == Some(&from) {
            return;
        }
        let note = base.note.as_deref();
        match Served::of(&base.opened.parcel, note, &pair.content, self.known.before.as_ref()) {
            Ok(served) => {
                self.published.publish(served);
                self.figures.routes_version.set(pair.bundle.routes_version().unwrap_or_default());
                self.figures.note_until.set(pair.note_until.map_or(0, warrant::Seconds::get));
                self.known.published = Some(from);
            }
            Err(why) => error!("cannot publish what was signed: {why}"),
        }
    }

    fn leave_unsigned(&mut self, settled: &Settled) {
        let files = unsigned::files(&settled.documents);
        match unsigned::archive(&files) {
            Ok(archive) => {
                let digest = Digest::of(&archive);
                if self.known.unsigned.replace(digest) != Some(digest) {
                    self.published.publish_unsigned(archive);
                    info!(files = files.len(), "the unsigned files can be fetched");
                }
            }
            Err(why) => error!("cannot write the archive of unsigned files: {why}"),
        }
    }

    /// Notes for each object since which routes its documents are in the pair as they are.
    fn note_since(&mut self, settled: &Settled) {
        let Some(pair) = &self.known.pair else { return };
        let base = pair.bundle.base().version();
        let routes = pair.bundle.routes_version().unwrap_or_default();
        let files = &pair.content.routes.files;
        let is_in = |documents: &RouteDocuments| {
            documents.files().iter().all(|(name, bytes)| files.get(name) == Some(bytes))
        };
        let mut since = BTreeMap::new();
        for (key, documents) in settled.documents.iter().filter(|(_, documents)| is_in(documents)) {
            let digest = documents.digest();
            let before =
                self.known.since.get(key).filter(|(known, over, _)| *known == digest && *over == base);
            since.insert(key.clone(), before.copied().unwrap_or((digest, base, routes)));
        }
        self.known.since = since;
    }

    async fn ask_servers(&mut self) {
        let is_time = self.known.asked_at.is_none_or(|at| at.elapsed() >= SERVERS_EVERY);
        if self.config.servers.is_empty() || !is_time {
            return;
        }
        let reports = servers::ask(&self.fetcher, &self.config.servers).await;
        self.known.seen.note(reports);
        self.known.asked_at = Some(Instant::now());
    }

    /// Writes the status of each object whose status says something else.
    async fn tell(&mut self, base: &SignedBase, settled: &Settled) {
        if !self.take_written().await {
            return;
        }
        let Some(from) = &self.known.built_from else { return };
        let seen = self.watched.gathered(|seen| seen.conditions());
        let now = self.clock.now();
        let stamp = i64::try_from(now.get()).ok().and_then(|now| Timestamp::from_second(now).ok());
        let stamp = stamp.map(|stamp| stamp.to_string()).unwrap_or_default();
        let mut due = BTreeMap::new();
        let mut written = std::mem::take(&mut self.known.written);
        // What the watch shows later than that was written by somebody else.
        written.retain(|key, (at, conditions)| {
            at.elapsed() < SHOWN_WITHIN && seen.get(key).is_some_and(|shown| shown != conditions)
        });
        let mut told_to = None;
        for object in in_turn(&from.objects, self.known.told_to.as_ref()) {
            let verdict = settled.verdicts.get(&object.key).filter(|_| seen.contains_key(&object.key));
            let Some(verdict) = verdict else { continue };
            let (progress, in_force, enforced) = self.progress(base, settled, &object.key, verdict);
            let conditions = conditions(verdict, &progress, &in_force, &enforced, object.generation);
            let own = written.get(&object.key).map(|(_, conditions)| conditions);
            let shown = own.or_else(|| seen.get(&object.key));
            let shown = shown.map(Vec::as_slice).unwrap_or_default();
            if let Some(conditions) = to_write(shown, conditions, &stamp) {
                due.insert(object.key.clone(), (object.generation, conditions));
            }
            if due.len() >= STATUSES_AT_ONCE {
                told_to = Some(object.key.clone());
                break;
            }
        }
        self.known.told_to = told_to;
        self.known.written = written;
        if due.is_empty() {
            return;
        }
        // A slow API server must not keep back a signature.
        let client = self.client.clone();
        self.known.writing = Some(tokio::spawn(async move { write_statuses(&client, due).await }));
    }

    /// Takes note of the statuses that were written. Returns false while they are being written.
    async fn take_written(&mut self) -> bool {
        let Some(task) = self.known.writing.take() else { return true };
        if !task.is_finished() {
            self.known.writing = Some(task);
            return false;
        }
        let done = task.await.unwrap_or_default();
        self.figures.statuses.inc_by(u64::try_from(done.len()).unwrap_or_default());
        let at = Instant::now();
        self.known.written.extend(done.into_iter().map(|(key, conditions)| (key, (at, conditions))));
        true
    }

    fn progress(
        &self,
        base: &SignedBase,
        settled: &Settled,
        key: &RouteKey,
        verdict: &Verdict,
    ) -> (Progress, Reported, Reported) {
        let none = || (Reported::NotAsked, Reported::NotAsked);
        if !verdict.is_accepted() {
            let (in_force, enforced) = none();
            return (Progress::Refused, in_force, enforced);
        }
        let since = self.known.since.get(key);
        let (Some((_, over, routes)), Some(documents)) = (since, settled.documents.get(key)) else {
            let who = match self.config.routes_key {
                Some(_) => "the operator has not signed it yet",
                None => "it is built, and waits for `portcullis policy sign --routes`",
            };
            let (in_force, enforced) = none();
            return (Progress::Unsigned(who.to_owned()), in_force, enforced);
        };
        let now = self.clock.now();
        let proxies = base.opened.grounds.proxies_of(documents);
        let in_force = self.known.seen.in_force(*over, *routes, now);
        let enforced = self.known.seen.enforced(*over, *routes, &proxies, now);
        (Progress::Published, in_force, enforced)
    }
}

/// All objects, beginning after this one: if there are too many for one time, those at the end must have their turn.
fn in_turn<'a>(objects: &'a CompleteList, after: Option<&RouteKey>) -> impl Iterator<Item = &'a RouteObject> {
    let is_later = |object: &&RouteObject| after.is_none_or(|after| object.key > *after);
    let later: Vec<&RouteObject> = objects.iter().filter(is_later).collect();
    let earlier: Vec<&RouteObject> = objects.iter().filter(|object| !is_later(object)).collect();
    later.into_iter().chain(earlier)
}

#[cfg(test)]
mod rounds;

#[cfg(test)]
mod tests {
    use super::super::objects::SpecText;
    use super::*;

    #[tokio::test]
    async fn the_operator_stops_when_one_part_of_it_ends() {
        let never = || named("never", std::future::pending::<()>());
        for ends_in_tasks in [true, false] {
            let (mut tasks, mut endless) = (JoinSet::new(), JoinSet::new());
            tasks.spawn(never());
            endless.spawn(never());
            let ending = if ends_in_tasks { &mut tasks } else { &mut endless };
            ending.spawn(named("the watch", async {}));
            assert!(one_ended(&mut tasks, &mut endless).await.to_string().starts_with("the watch has ended"));
        }
        let (mut tasks, mut endless) = (JoinSet::new(), JoinSet::new());
        endless.spawn(never());
        tasks.spawn(named("x", async { panic!("a fault") }));
        assert!(one_ended(&mut tasks, &mut endless).await.to_string().contains("has failed"));
    }

    #[test]
    fn every_object_has_its_turn() {
        let key = |name: &str| RouteKey { namespace: "payments".into(), name: name.into() };
        let object =
            |name: &str| RouteObject { key: key(name), generation: 1, created: 0, spec: SpecText::of("{}") };
        let list = CompleteList::of_finished(["a", "b", "c", "d"].map(object).into());
        let names = |after: Option<&RouteKey>| -> String {
            in_turn(&list, after).map(|object| object.key.name.as_str()).collect()
        };
        assert_eq!(names(None), "abcd");
        assert_eq!(names(Some(&key("b"))), "cdab");
        assert_eq!(names(Some(&key("bb"))), "cdab");
    }
}
