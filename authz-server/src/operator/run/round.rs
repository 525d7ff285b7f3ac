//! One round of the operator: reads what was signed, builds, signs, keeps and publishes, in this order. Each starts from what is known
//! as a whole, so a round that fails is only tried again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use policy::{Files, RoutesParcel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{error, info, warn};
use warrant::{AwsLcVerifier, Digest};

use super::super::base::{Demands, OpenedBase, SignedBase};
use super::super::brake::Brake;
use super::super::cluster::{Leadership, StateStore, StoreError, StoredState, WatchedRoutes};
use super::super::conditions::Condition;
use super::super::config::Config;
use super::super::objects::{CompleteList, RouteKey};
use super::super::pace::Pace;
use super::super::served::{Published, Served};
use super::super::servers::Seen;
use super::super::settle::{Foundation, Settled, settle};
use super::super::signing::{self, Pair};
use super::super::state::{SignedContent, SignedState, is_above};
use super::super::telemetry::Figures;
use super::super::unsigned;
use super::super::webhook::{self, Known, Webhook};
use super::Complaints;
use crate::clock::Clock;
use crate::fetch::Fetcher;

/// Notes, certificates and servers are looked at this often.
const ROUND_EVERY: Duration = Duration::from_secs(1);
/// Changes that come together are built together.
const TOGETHER: Duration = Duration::from_millis(100);
/// What another operator signed is read this often.
const STATE_EVERY: Duration = Duration::from_secs(2);

pub(super) struct Operator {
    pub(super) config: Config,
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) demands: Demands,
    pub(super) store: StateStore,
    pub(super) fetcher: Fetcher,
    pub(super) published: Published,
    pub(super) webhook: Webhook,
    pub(super) watched: WatchedRoutes,
    pub(super) figures: Figures,
    pub(super) complaints: Complaints,
    pub(super) leadership: Leadership,
    pub(super) base: watch::Receiver<Option<SignedBase>>,
    pub(super) objects: watch::Receiver<u64>,
    pub(super) known: Round,
}

/// What the last round found out. All of it can be found out again.
#[derive(Default)]
pub(super) struct Round {
    pub(super) stored: Option<StoredState>,
    pub(super) stored_at: Option<Instant>,
    pub(super) led: bool,
    /// From what was built last.
    pub(super) built_from: Option<BuiltFrom>,
    pub(super) settled: Option<Arc<Settled>>,
    pub(super) pair: Option<Pair>,
    /// The base of the pair, with its own note: a new base may be here already, over which nothing is signed yet.
    pub(super) over: Option<SignedBase>,
    /// A new leader signs once, whatever was signed: what it has read may be older than what was published.
    pub(super) signs_afresh: bool,
    pub(super) brake: Brake,
    /// The routes before those of the pair.
    pub(super) before: Option<RoutesParcel>,
    /// What is published: the pair's and the base's bytes.
    pub(super) published: Option<PublishedFrom>,
    pub(super) unsigned: Option<Digest>,
    pub(super) pace: Pace,
    pub(super) seen: Seen,
    pub(super) asked_at: Option<Instant>,
    /// By object: its documents in the pair, and the base and the routes in which they first stood as they are.
    pub(super) since: BTreeMap<RouteKey, (Digest, u64, u64)>,
    /// What was written and when, until the watch shows it.
    pub(super) written: BTreeMap<RouteKey, (Instant, Vec<Condition>)>,
    /// Statuses that are being written now.
    pub(super) writing: Option<JoinHandle<BTreeMap<RouteKey, Vec<Condition>>>>,
    /// The object up to which statuses were written, if there were too many for one time.
    pub(super) told_to: Option<RouteKey>,
}

pub(super) struct BuiltFrom {
    pub(super) base: Arc<OpenedBase>,
    pub(super) signed: Arc<Files>,
    pub(super) objects: CompleteList,
}

#[derive(PartialEq)]
pub(super) struct PublishedFrom {
    pub(super) content: SignedContent,
    pub(super) base: Digest,
    pub(super) base_note: Option<Vec<u8>>,
}

impl Operator {
    pub(super) async fn rounds(mut self, mut stopping: watch::Receiver<bool>) {
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

    pub(super) async fn round(&mut self) {
        let leads = self.leadership.leads();
        self.figures.leads.set(u64::from(leads));
        self.figures.base_refused.set(u64::from(self.complaints.base.reason().is_some()));
        if !self.read_state(leads).await {
            // What is published stays, but not for longer than its note.
            self.publish();
            return;
        }
        if leads {
            self.restore_state().await;
        }
        let base = self.base.borrow().clone();
        let Some(base) = base else { return };
        if let Err(why) = self.demands.check_not_below_floor(&base.opened.base) {
            // The thread that reads the base complains of it. What is published stays.
            self.webhook.know(Err(format!("its base cannot be used: {why}")));
            if leads {
                self.renew_note().await;
            }
            self.publish();
            return;
        }
        self.figures.base_version.set(base.opened.base.version());
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

    /// Opens what was signed last over this base. Routes that were signed over another base are left out.
    fn open_pair(&mut self, base: &SignedBase, content: Option<&SignedContent>) {
        let is_over = |pair: &Pair| pair.is_over(&base.opened.base);
        if self.known.pair.as_ref().is_some_and(is_over) {
            self.known.over = Some(base.clone());
        }
        let Some(content) = content else { return };
        let is_known = |pair: &Pair| pair.content == *content && is_over(pair);
        if self.known.pair.as_ref().is_some_and(is_known) {
            return;
        }
        let opened = self.demands.with(|expected| Pair::open(&base.opened.parcel, content.clone(), expected));
        match opened {
            Ok(pair) => {
                self.complaints.behind.clear();
                self.take_pair(pair, base.clone());
            }
            Err(why) => {
                let why = format!(
                    "what was signed last cannot be opened over the base that is here, and what was published before stays: {why}"
                );
                if self.complaints.behind.raise(&why) {
                    warn!("{why}");
                }
            }
        }
    }

    fn take_pair(&mut self, pair: Pair, over: SignedBase) {
        // Also where others sign, and no ConfigMap says it.
        self.demands.raise_floor(Some(pair.bundle.activated()));
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
            self.webhook.know(Err(webhook::NOT_KNOWN_YET.to_owned()));
            return None;
        };
        let objects = self.with_brake(objects, &signed);
        let is_same = self.known.built_from.as_ref().is_some_and(|from| {
            Arc::ptr_eq(&from.base, &base.opened) && from.signed == signed && from.objects == objects
        });
        // What could not be built cannot be built again either, until something is different.
        if is_same {
            return self.known.settled.clone();
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
        let built = match built {
            Ok(built) => built,
            Err(why) => return self.cannot_build(&format!("the build ended: {why}")),
        };
        let count = objects.len();
        self.known.built_from =
            Some(BuiltFrom { base: Arc::clone(&base.opened), signed: Arc::clone(&signed), objects });
        self.known.settled =
            built.map(Arc::new).map_err(|why| self.cannot_build::<()>(&why.to_string())).ok();
        let settled = self.known.settled.clone()?;
        self.complaints.build.clear();
        let refused = settled.verdicts.values().filter(|verdict| !verdict.is_accepted()).count();
        self.figures.objects.set(u64::try_from(count).unwrap_or(u64::MAX));
        self.figures.refused.set(u64::try_from(refused).unwrap_or(u64::MAX));
        info!(objects = count, refused, milliseconds = begun.elapsed().as_millis(), "built");
        self.webhook.know(Ok(Known {
            base: Arc::clone(&base.opened),
            signed,
            quota,
            settled: Arc::clone(&settled),
        }));
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
        self.figures.failures.inc();
        let why = format!("nothing can be built, and what was signed last stays: {why}");
        self.webhook.know(Err(why.clone()));
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
        let is_of_this_base = self.known.pair.as_ref().is_some_and(|pair| pair.is_over(&base.opened.base));
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
        } else {
            // Until it can be stored, what was signed last must not run out.
            self.renew_note().await;
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
                self.complaints.note.clear();
                if self.keep(pair, over).await {
                    info!("renewed the note about the routes");
                }
            }
            Err(why) => {
                let why = format!("cannot renew the note about the routes: {why}");
                if self.complaints.note.raise(&why) {
                    warn!("{why}");
                }
            }
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
        let now = self.clock.now();
        self.published.set_stale(pair.note_until.is_none_or(|until| until <= now));
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
}
