//! Keeps a bundle in force: looks for a newer one, activates it if it is valid, and renews the note of the active
//! one.
//!
//! It runs on a thread of its own. A decision waits for it only in the moment between the record of an activation and
//! its effect.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::entry::{Activation, Digest, RoutesOverBase};
use ledger::{Ledger, RecordError};
use tracing::{error, info, warn};
use warrant::mint::Signer;
use warrant::{AwsLcVerifier, Seconds};

use super::KeeperError;
use super::source::BundleSource;
use super::{BundleStatus, KeptBundles, PolicyInForce, Step};
use crate::clock::Clock;
use crate::config::BundleConfig;
use crate::keys::PrivateKey;
use policy::{
    Activated, Bundle, BundleRefusal, Expected, InForceUntil, Note, Parcel, RoutesParcel, TrustKeys,
};

/// How long to wait before a refused bundle is read again, at first and at most: a half-finished copy is complete
/// soon, and a thousand files should not be read five times a second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

#[derive(Debug)]
pub struct Keeper {
    source: BundleSource,
    trust: TrustKeys,
    audience: String,
    /// With this key the server signs its own notes.
    note_key: Option<PrivateKey>,
    ledger: Ledger,
    kept: KeptBundles,
    clock: Clock,
    policy: Arc<PolicyInForce>,
    status: Arc<BundleStatus>,
    /// The manifests with which the active bundle was offered.
    active: Offer,
    /// The manifest of a bundle in which everything is signed together: for it no routes are looked for.
    whole: Option<Vec<u8>>,
    /// The base that our own note names, and until when.
    own_note: Option<(Digest, InForceUntil)>,
    /// No version below it is taken before there was any.
    min_version: u64,
    offered: Offered,
    /// Bundles that were replaced, until the last decision with them is over: freeing ten thousand routes takes a
    /// while, and a decision must not have to do it.
    replaced: Vec<Arc<Bundle>>,
}

/// The manifests that are offered: of a bundle, or of a base with the routes of teams over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) manifest: Vec<u8>,
    /// `None` if there are none, or none that can be read: whether the bundle wants some is known once it is read.
    pub(super) routes: Option<Vec<u8>>,
}

impl Offer {
    fn of(parcel: &Parcel) -> Offer {
        let routes = parcel.routes.as_ref().map(|routes| routes.manifest.clone());
        Offer { manifest: parcel.manifest.clone(), routes }
    }
}

/// An offered bundle that is not the active one.
#[derive(Debug)]
enum Offered {
    None,
    /// It is valid, but it needs a note, a durable copy or the record of its activation.
    Waiting(Offer, OpenedBundle),
    /// `again`: when to read the same manifests again; `None` if they are at fault themselves.
    Refused {
        offer: Offer,
        why: String,
        again: Option<Instant>,
        pause: Duration,
    },
}

/// A valid bundle, and the bytes from which it was opened.
#[derive(Debug)]
pub(super) struct OpenedBundle {
    pub(super) bundle: Arc<Bundle>,
    parcel: Parcel,
}

impl Keeper {
    /// Opens the bundle that this server starts with and records its activation.
    pub fn open(
        config: BundleConfig,
        audience: String,
        ledger: Ledger,
        before: Option<&Activation>,
        clock: Clock,
    ) -> Result<Keeper, KeeperError> {
        let place = config.place.clone();
        let mut source = BundleSource::open(config.place)?;
        let floor = before.map(floor);
        let expected = Expected {
            trust: &config.trust,
            audience: &audience,
            floor: floor.as_ref(),
            min_version: config.min_version,
            now: clock.now(),
        };
        let kept = KeptBundles::of_ledger(ledger.layout().root());
        let offered = offer(&mut source, None).and_then(|offer| {
            let opened = open_bundle(&mut source, &offer, &expected, None)?;
            Ok((Some(offer), opened))
        });
        let opened = offered.or_else(|refusal| {
            let before = before.and_then(|before| kept_pair(&kept, before, &refusal, &expected));
            before.map(|opened| (None, opened)).ok_or(refusal)
        });
        let (offer, opened) = opened.map_err(|refusal| KeeperError::Refused { place, refusal })?;
        let OpenedBundle { bundle, parcel } = opened;
        check_note_key(config.note_key.as_ref(), &bundle)?;
        // Also if the bundle is not new: its copy may have been removed.
        kept.keep(&bundle.digest(), &parcel, before.map(|before| &before.bundle))
            .map_err(|error| KeeperError::NotKept { directory: kept.directory(), error })?;
        record_activation(&ledger, &bundle, before.map(|before| before.bundle))
            .map_err(KeeperError::NotRecorded)?;
        let mut keeper = Keeper {
            source,
            trust: config.trust,
            audience,
            note_key: config.note_key,
            ledger,
            kept,
            clock,
            policy: Arc::new(PolicyInForce::new(bundle, None)),
            status: Arc::default(),
            active: offer.clone().unwrap_or_else(|| Offer::of(&parcel)),
            whole: parcel.routes.is_none().then_some(parcel.manifest),
            own_note: None,
            min_version: config.min_version,
            offered: Offered::None,
            replaced: Vec::new(),
        };
        let renewed = keeper.renew_note(offer.is_some());
        keeper.report(renewed);
        Ok(keeper)
    }

    pub fn policy(&self) -> Arc<PolicyInForce> {
        Arc::clone(&self.policy)
    }

    pub fn status(&self) -> Arc<BundleStatus> {
        Arc::clone(&self.status)
    }

    pub(super) fn interval(&self) -> Duration {
        self.source.interval()
    }

    /// Looks once at what is offered.
    pub(super) fn look(&mut self) {
        self.status.heartbeat.begin(Step::Look);
        self.replaced.retain(|bundle| Arc::strong_count(bundle) > 1);
        let considered = match offer(&mut self.source, self.whole.as_deref()) {
            Ok(offer) if offer == self.active => {
                self.offered = Offered::None;
                Ok(())
            }
            Ok(offer) => self.consider(offer),
            Err(refusal) => Err(refusal.to_string()),
        };
        // Our own note says that this is the newest bundle, so it is signed only while we see that it is.
        let renewed = self.renew_note(considered.is_ok());
        self.report(considered.and(renewed));
        self.status.heartbeat.begin(Step::Look);
    }

    fn report(&self, outcome: Result<(), String>) {
        match outcome {
            Ok(()) if self.status.refused.clear() => info!("the offered bundle is in force"),
            Ok(()) => {}
            Err(why) if self.status.refused.raise(&why) => error!("{why}"),
            Err(_) => {}
        }
    }

    /// Activates the offered bundle if it is valid. Otherwise the active bundle stays, and the error says why.
    fn consider(&mut self, offer: Offer) -> Result<(), String> {
        let opened = match std::mem::replace(&mut self.offered, Offered::None) {
            Offered::Waiting(known, opened) if known == offer => opened,
            Offered::Refused { offer: known, why, again, pause } if known == offer => {
                if again.is_none_or(|again| Instant::now() < again) {
                    self.offered = Offered::Refused { offer, why: why.clone(), again, pause };
                    return Err(why);
                }
                self.open_offered(&offer, pause.saturating_mul(2).min(PAUSE.1))?
            }
            Offered::None | Offered::Waiting(..) | Offered::Refused { .. } => {
                self.open_offered(&offer, PAUSE.0)?
            }
        };
        if opened.bundle.digest() == self.policy.bundle().digest() {
            // The same bundle in another envelope, for example with one more signature.
            self.active = offer;
            return Ok(());
        }
        let until = match self.note_about(&opened.bundle) {
            Ok(until) => until,
            Err(refusal) => {
                let why = format!(
                    "bundle {} is valid but has no valid note yet: {refusal}",
                    opened.bundle.versions()
                );
                self.offered = Offered::Waiting(offer, opened);
                return Err(why);
            }
        };
        self.activate(offer, opened, until)
    }

    fn open_offered(&mut self, offer: &Offer, pause: Duration) -> Result<OpenedBundle, String> {
        let active = self.policy.bundle();
        let floor = active.activated();
        let expected = Expected {
            trust: &self.trust,
            audience: &self.audience,
            floor: Some(&floor),
            min_version: self.min_version,
            now: self.clock.now(),
        };
        self.status.heartbeat.begin(Step::Load);
        let opened = open_bundle(&mut self.source, offer, &expected, Some(&active));
        self.status.heartbeat.begin(Step::Look);
        if let Ok(opened) = &opened
            && opened.parcel.routes.is_none()
        {
            self.whole = Some(offer.manifest.clone());
        }
        opened.map_err(|refusal| {
            let why = format!("the offered bundle is refused: {refusal}");
            let again = if refusal.is_final() { None } else { Instant::now().checked_add(pause) };
            self.offered = Offered::Refused { offer: offer.clone(), why: why.clone(), again, pause };
            why
        })
    }

    fn activate(&mut self, offer: Offer, opened: OpenedBundle, until: InForceUntil) -> Result<(), String> {
        let OpenedBundle { bundle, parcel } = opened;
        let before = self.policy.bundle().digest();
        if let Err(error) = self.kept.keep(&bundle.digest(), &parcel, Some(&before)) {
            let (versions, place) = (bundle.versions(), self.kept.directory());
            self.offered = Offered::Waiting(offer, OpenedBundle { bundle, parcel });
            return Err(format!(
                "bundle {versions} is not in force yet: its copy could not be written to {}: {error}; make the \
                 directory writable, or free some space",
                place.display()
            ));
        }
        // A crash here leaves a copy of a bundle that was never in force, which does no harm.
        let activation = activation(&bundle, Some(self.policy.bundle().digest()));
        let (version, routes) = (bundle.version(), bundle.routes_version());
        let (versions, digest) = (bundle.versions(), bundle.digest());
        let recorded = || self.ledger.append(activation.into()).map(|_| ());
        match self.policy.activate(bundle, until, recorded) {
            Ok(before) => {
                self.replaced.push(before);
                self.active = offer;
                self.status.count_activation();
                info!(version, routes, bundle = %digest, until = until.0.get(), "the bundle is activated");
                Ok(())
            }
            Err((bundle, refused)) => {
                let why = format!(
                    "bundle {versions} is not in force yet: its activation could not be recorded: {refused}"
                );
                self.offered = Offered::Waiting(offer, OpenedBundle { bundle, parcel });
                Err(why)
            }
        }
    }

    /// Keeps the active bundle in force longer, if there is a newer note about it or we may sign one. A missing
    /// note is an error only after the bundle's time in force has ended.
    fn renew_note(&mut self, is_newest: bool) -> Result<(), String> {
        let (bundle, now) = (self.policy.bundle(), self.clock.now());
        let half_way = now.plus(bundle.note_max_age() / 2).min(bundle.expires());
        if self.policy.until().is_some_and(|end| end >= half_way) {
            return Ok(());
        }
        let base = bundle.base().digest();
        let own = self.own_note.filter(|(of, until)| *of == base && until.0 >= half_way);
        let of_base = match (self.note_read(&bundle, now), own) {
            (Ok(until), _) if until.0 >= half_way => Ok(until),
            // It could not be saved, for example at a URL.
            (_, Some((_, until))) => Ok(until),
            (_, None) if is_newest && self.may_sign(&bundle) => self.note_signed(&bundle, now),
            (read, None) => read,
        };
        let until = of_base.and_then(|until| self.with_routes(&bundle, until, now));
        match until {
            Ok(until) if Some(until.0) > self.policy.until() => {
                self.policy.renew(until);
                info!(bundle = %bundle.digest(), until = until.0.get(), "the bundle is in force");
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(refusal) if self.policy.until().is_none_or(|end| end <= now) => {
                Err(format!("there is no valid note: {refusal}"))
            }
            Err(_) => Ok(()),
        }
    }

    /// Until when this bundle may be in force, by a note that is there or one that we sign.
    fn note_about(&mut self, bundle: &Bundle) -> Result<InForceUntil, BundleRefusal> {
        let now = self.clock.now();
        if now >= bundle.expires() {
            return Err(BundleRefusal::Over { expires: bundle.expires().get() });
        }
        let of_base = match self.note_read(bundle, now) {
            Err(_) if self.may_sign(bundle) => self.note_signed(bundle, now),
            read => read,
        };
        self.with_routes(bundle, of_base?, now)
    }

    /// Routes that are signed apart from their base need a fresh note too.
    fn with_routes(
        &mut self,
        bundle: &Bundle,
        of_base: InForceUntil,
        now: Seconds,
    ) -> Result<InForceUntil, BundleRefusal> {
        if bundle.routes_version().is_none() {
            return Ok(of_base);
        }
        self.status.heartbeat.begin(Step::Look);
        let note = Note::open_routes(&self.source.routes_note()?)?;
        Ok(note.verify(bundle, now, &AwsLcVerifier)?.min(of_base))
    }

    fn note_read(&mut self, bundle: &Bundle, now: Seconds) -> Result<InForceUntil, BundleRefusal> {
        self.status.heartbeat.begin(Step::Look);
        Note::open(&self.source.note()?)?.verify(bundle, now, &AwsLcVerifier)
    }

    fn may_sign(&self, bundle: &Bundle) -> bool {
        self.note_key.as_ref().is_some_and(|key| bundle.note_keys().contains(key.public_key()))
    }

    fn note_signed(&mut self, bundle: &Bundle, now: Seconds) -> Result<InForceUntil, BundleRefusal> {
        let key = self.note_key.as_ref().ok_or(BundleRefusal::NoteNotSigned)?;
        let signed = Note::sign(bundle.base(), now, bundle.note_max_age(), key);
        let note = signed
            .map_err(|e| BundleRefusal::Malformed { file: policy::NOTE.to_owned(), why: e.to_string() })?;
        if let Err(e) = self.source.save_note(&note) {
            warn!(
                "the server could not write its note to the disk: {e}. It will sign a new note at the next start"
            );
        }
        let until = Note::open(&note)?.verify(bundle, now, &AwsLcVerifier)?;
        self.own_note = Some((bundle.base().digest(), until));
        Ok(until)
    }
}

/// What the source offers now. `whole` is the manifest of a bundle that has no routes apart.
pub(super) fn offer(source: &mut BundleSource, whole: Option<&[u8]>) -> Result<Offer, BundleRefusal> {
    let manifest = source.manifest()?;
    // That they cannot be read is told when the bundle wants them: they must not keep one back that does not.
    let routes = if whole == Some(&manifest) { None } else { source.routes_manifest().ok() };
    Ok(Offer { manifest, routes })
}

/// The bundle that was in force last, if the place offers no whole pair: a new base whose routes are not signed yet must not keep a
/// server from starting. Its copy is verified like any bundle.
fn kept_pair(
    kept: &KeptBundles,
    before: &Activation,
    refusal: &BundleRefusal,
    expected: &Expected<'_>,
) -> Option<OpenedBundle> {
    let wants_routes = matches!(refusal, BundleRefusal::Routes(_) | BundleRefusal::RoutesMissing);
    let is_about_layers = wants_routes || before.routes.is_some();
    let parcel = is_about_layers.then(|| kept.read(&before.bundle)).and_then(Result::ok).flatten()?;
    let bundle = Arc::new(policy::open(&parcel, expected, &AwsLcVerifier).ok()?);
    error!("the offered bundle is refused, and the one before it stays: {refusal}");
    Some(OpenedBundle { bundle, parcel })
}

/// Opens the bundle of this manifest. Its files are fetched only after its signatures were verified, and files that the
/// active bundle has are not fetched again.
pub(super) fn open_bundle(
    source: &mut BundleSource,
    offer: &Offer,
    expected: &Expected<'_>,
    active: Option<&Bundle>,
) -> Result<OpenedBundle, BundleRefusal> {
    let mut parcel = Parcel { manifest: offer.manifest.clone(), trust: source.trust()?, ..Parcel::default() };
    policy::check_manifest(&parcel, expected, &AwsLcVerifier)?;
    let nothing = policy::Files::new();
    let known = active.map_or(&nothing, Bundle::files);
    parcel.files = source.content(&parcel, known)?;
    if parcel.wants_routes() {
        let manifest = match &offer.routes {
            Some(routes) => routes.clone(),
            None => source.routes_manifest()?,
        };
        parcel.routes = Some(RoutesParcel { manifest: manifest.clone(), ..RoutesParcel::default() });
        policy::check_routes_manifest(&parcel, expected, &AwsLcVerifier)?;
        let files = source.routes_content(&manifest, known)?;
        parcel.routes = Some(RoutesParcel { manifest, files });
    }
    let bundle = Arc::new(policy::open(&parcel, expected, &AwsLcVerifier)?);
    Ok(OpenedBundle { bundle, parcel })
}

fn floor(activation: &Activation) -> Activated {
    let routes = activation.routes.as_ref();
    Activated {
        version: activation.version,
        digest: routes.map_or(activation.bundle, |routes| routes.base),
        retired: activation.retired.iter().copied().collect(),
        routes: routes.map(|routes| (routes.version, activation.bundle)),
    }
}

/// Records that this bundle is activated, unless it was the last one in force. Nothing is judged with a bundle before its
/// activation is recorded.
fn record_activation(ledger: &Ledger, bundle: &Bundle, before: Option<Digest>) -> Result<(), RecordError> {
    let activation = activation(bundle, before);
    if before == Some(activation.bundle) {
        return Ok(());
    }
    ledger.append(activation.into()).map(drop)
}

/// The entry that records the activation of a bundle after another one.
pub(crate) fn activation(bundle: &Bundle, previous: Option<Digest>) -> Activation {
    let activated = bundle.activated();
    let attestors: BTreeSet<&str> = bundle.attestors().iter().map(|attestor| attestor.iss.as_str()).collect();
    Activation {
        attestors: attestors.into_iter().map(str::to_owned).collect(),
        bundle: bundle.digest(),
        expires: bundle.expires().get(),
        previous,
        retired: activated.retired.into_iter().collect(),
        routes: bundle.routes_version().map(|version| RoutesOverBase { base: activated.digest, version }),
        version: activated.version,
        was: None,
    }
}

/// Checks that the bundle lists our note key. Otherwise the fault would only show once the last valid note has expired.
fn check_note_key(key: Option<&PrivateKey>, bundle: &Bundle) -> Result<(), KeeperError> {
    let is_listed = key.is_none_or(|key| bundle.note_keys().contains(key.public_key()));
    if is_listed { Ok(()) } else { Err(KeeperError::NoteKeyNotListed) }
}
