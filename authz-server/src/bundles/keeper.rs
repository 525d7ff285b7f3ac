//! Keeping a bundle in force: looking for a newer one, taking it when everything about it holds, and prolonging the one
//! that is active. Runs on a thread of its own; nothing here is waited for by a decision, but for the moment between the
//! record of an activation and its effect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::entry::{Activation, Digest};
use ledger::{Ledger, RecordError};
use tracing::{error, info, warn};
use warrant::mint::Signer;
use warrant::{AwsLcVerifier, Seconds};

use super::source::Source;
use super::{BundleNews, PolicyInForce};
use crate::clock::Clock;
use crate::config::BundleSource;
use crate::keys::PrivateKey;
use policy::{Activated, Bundle, BundleRefusal, Expected, InForceUntil, Note, Parcel, TrustKeys};

/// How long to leave alone what was refused, at first and at most: a copy that was half done is whole soon, and a
/// thousand files are not read five times a second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

#[derive(Debug)]
pub struct Keeper {
    source: Source,
    trust: TrustKeys,
    audience: String,
    /// With it, we keep the bundle in force by ourselves.
    note_key: Option<PrivateKey>,
    ledger: Ledger,
    clock: Clock,
    policy: Arc<PolicyInForce>,
    news: Arc<BundleNews>,
    /// The manifest of the active bundle, as it was read.
    active: Vec<u8>,
    newcomer: Newcomer,
    /// Bundles that were replaced, until the last decision by them is over: to take ten thousand routes apart takes a
    /// while, and it must not be a decision's.
    leaving: Vec<Arc<Bundle>>,
}

/// What is offered and is not the active bundle.
#[derive(Debug)]
enum Newcomer {
    None,
    /// It holds, and something that it needs is not there yet.
    Waiting {
        manifest: Vec<u8>,
        bundle: Box<Bundle>,
    },
    /// `again`: when to look at the same manifest again; what it says itself will never hold.
    RecordError {
        manifest: Vec<u8>,
        why: String,
        again: Option<Instant>,
        pause: Duration,
    },
}

impl Keeper {
    /// Opens the bundle that this server starts with, and records its activation. The error is one line.
    pub fn open(
        config: BundleSource,
        audience: String,
        ledger: Ledger,
        before: Option<&Activation>,
        clock: Clock,
    ) -> Result<Keeper, String> {
        let place = config.place.to_string();
        let mut source = Source::open(config.place)?;
        let floor = before.map(floor);
        let expected =
            Expected { trust: &config.trust, audience: &audience, floor: floor.as_ref(), now: clock.now() };
        let opened = source.manifest().and_then(|manifest| {
            let bundle = opened(&mut source, &manifest, &expected, None)?;
            Ok((manifest, bundle))
        });
        let (active, bundle) = opened.map_err(|refusal| format!("bundle {place}: {refusal}"))?;
        may_renew(config.note_key.as_ref(), &bundle)?;
        record(&ledger, &bundle, before.map(|before| before.bundle))
            .map_err(|e| format!("the bundle's activation: {e}"))?;
        let mut keeper = Keeper {
            source,
            trust: config.trust,
            audience,
            note_key: config.note_key,
            ledger,
            clock,
            policy: Arc::new(PolicyInForce::new(bundle, None)),
            news: Arc::default(),
            active,
            newcomer: Newcomer::None,
            leaving: Vec::new(),
        };
        let prolonged = keeper.prolong(true);
        keeper.tell(prolonged);
        Ok(keeper)
    }

    pub fn policy(&self) -> Arc<PolicyInForce> {
        Arc::clone(&self.policy)
    }

    pub fn news(&self) -> Arc<BundleNews> {
        Arc::clone(&self.news)
    }

    pub(super) fn interval(&self) -> Duration {
        self.source.interval()
    }

    /// One look at what is offered.
    pub(super) fn look(&mut self) {
        self.leaving.retain(|bundle| Arc::strong_count(bundle) > 1);
        let considered = match self.source.manifest() {
            Ok(manifest) if manifest == self.active => {
                self.newcomer = Newcomer::None;
                Ok(())
            }
            Ok(manifest) => self.consider(manifest),
            Err(refusal) => Err(refusal.to_string()),
        };
        // Our own note says that this is the newest bundle there is: only while we see that it is.
        let prolonged = self.prolong(considered.is_ok());
        self.tell(considered.and(prolonged));
    }

    fn tell(&self, outcome: Result<(), String>) {
        match outcome {
            Ok(()) if self.news.refused.clear() => info!("the bundle that is offered is the one in force"),
            Ok(()) => {}
            Err(why) if self.news.refused.raise(&why) => error!("{why}"),
            Err(_) => {}
        }
    }

    /// Takes what is offered if everything about it holds; else the active bundle stays, and the error says why.
    fn consider(&mut self, manifest: Vec<u8>) -> Result<(), String> {
        let bundle = match std::mem::replace(&mut self.newcomer, Newcomer::None) {
            Newcomer::Waiting { manifest: known, bundle } if known == manifest => bundle,
            Newcomer::RecordError { manifest: known, why, again, pause } if known == manifest => {
                if again.is_none_or(|again| Instant::now() < again) {
                    self.newcomer = Newcomer::RecordError { manifest, why: why.clone(), again, pause };
                    return Err(why);
                }
                self.welcome(&manifest, pause.saturating_mul(2).min(PAUSE.1))?
            }
            Newcomer::None | Newcomer::Waiting { .. } | Newcomer::RecordError { .. } => {
                self.welcome(&manifest, PAUSE.0)?
            }
        };
        if bundle.digest() == self.policy.bundle().digest() {
            // The same bundle in another envelope: a signature more, say.
            self.active = manifest;
            return Ok(());
        }
        let until = match self.note_about(&bundle) {
            Ok(until) => until,
            Err(refusal) => {
                let why =
                    format!("bundle version {} holds and waits for its note: {refusal}", bundle.version());
                self.newcomer = Newcomer::Waiting { manifest, bundle };
                return Err(why);
            }
        };
        self.activate(manifest, bundle, until)
    }

    fn welcome(&mut self, manifest: &[u8], pause: Duration) -> Result<Box<Bundle>, String> {
        let active = self.policy.bundle();
        let floor = active.activated();
        let expected = Expected {
            trust: &self.trust,
            audience: &self.audience,
            floor: Some(&floor),
            now: self.clock.now(),
        };
        let opened = opened(&mut self.source, manifest, &expected, Some(&active));
        opened.map(Box::new).map_err(|refusal| {
            let why = format!("the bundle that is offered is refused: {refusal}");
            let again = if refusal.is_final() { None } else { Instant::now().checked_add(pause) };
            self.newcomer =
                Newcomer::RecordError { manifest: manifest.to_owned(), why: why.clone(), again, pause };
            why
        })
    }

    fn activate(
        &mut self,
        manifest: Vec<u8>,
        bundle: Box<Bundle>,
        until: InForceUntil,
    ) -> Result<(), String> {
        let activation = activation(&bundle, Some(self.policy.bundle().digest()));
        let (version, digest) = (bundle.version(), bundle.digest());
        let recorded = || self.ledger.append(activation.into()).map(|_| ());
        match self.policy.activate(bundle, until, recorded) {
            Ok(before) => {
                self.leaving.push(before);
                self.active = manifest;
                self.news.count_activation();
                info!(version, bundle = %digest, until = until.0.get(), "activated");
                Ok(())
            }
            Err((bundle, refused)) => {
                let why = format!(
                    "bundle version {version} waits: its activation could not be recorded: {refused}"
                );
                self.newcomer = Newcomer::Waiting { manifest, bundle };
                Err(why)
            }
        }
    }

    /// A longer hold on the active bundle, where there is a newer note about it or we may sign one. An error only once
    /// it is no longer in force: until then a missing note is no news.
    fn prolong(&mut self, is_offered: bool) -> Result<(), String> {
        let (bundle, now) = (self.policy.bundle(), self.clock.now());
        let half_of_it = now.plus(bundle.note_max_age() / 2).min(bundle.expires());
        if self.policy.until().is_some_and(|end| end >= half_of_it) {
            return Ok(());
        }
        let noted = match self.note_read(&bundle, now) {
            Ok(until) if until.0 >= half_of_it => Ok(until),
            _ if is_offered && self.may_sign(&bundle) => self.note_signed(&bundle, now),
            read => read,
        };
        match noted {
            Ok(until) if Some(until.0) > self.policy.until() => {
                self.policy.renew(until);
                info!(bundle = %bundle.digest(), until = until.0.get(), "in force");
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(refusal) if self.policy.until().is_none_or(|end| end <= now) => {
                Err(format!("no note that holds: {refusal}"))
            }
            Err(_) => Ok(()),
        }
    }

    /// Whether there is a note about this bundle, or may be one of ours, and until when it then holds.
    fn note_about(&mut self, bundle: &Bundle) -> Result<InForceUntil, BundleRefusal> {
        let now = self.clock.now();
        if now >= bundle.expires() {
            return Err(BundleRefusal::Over { expires: bundle.expires().get() });
        }
        match self.note_read(bundle, now) {
            Err(_) if self.may_sign(bundle) => self.note_signed(bundle, now),
            read => read,
        }
    }

    fn note_read(&mut self, bundle: &Bundle, now: Seconds) -> Result<InForceUntil, BundleRefusal> {
        Note::open(&self.source.note()?)?.verify(bundle, now, &AwsLcVerifier)
    }

    fn may_sign(&self, bundle: &Bundle) -> bool {
        self.note_key.as_ref().is_some_and(|key| bundle.note_keys().contains(key.public_key()))
    }

    fn note_signed(&self, bundle: &Bundle, now: Seconds) -> Result<InForceUntil, BundleRefusal> {
        let key = self.note_key.as_ref().ok_or(BundleRefusal::NoteNotSigned)?;
        let signed = Note::sign(bundle, now, bundle.note_max_age(), key);
        let note = signed
            .map_err(|e| BundleRefusal::Malformed { file: policy::NOTE.to_owned(), why: e.to_string() })?;
        if let Err(e) = self.source.keep_note(&note) {
            warn!("our own note is known to this process only, and the next start will sign another: {e}");
        }
        Note::open(&note)?.verify(bundle, now, &AwsLcVerifier)
    }
}

/// What is offered under this manifest. Nothing of its files is fetched before its signatures hold, and nothing again
/// that the active bundle has.
pub(super) fn opened(
    source: &mut Source,
    manifest: &[u8],
    expected: &Expected<'_>,
    active: Option<&Bundle>,
) -> Result<Bundle, BundleRefusal> {
    let mut parcel = Parcel { manifest: manifest.to_owned(), trust: source.trust()?, ..Parcel::default() };
    policy::check_manifest(&parcel, expected, &AwsLcVerifier)?;
    let nothing = policy::Files::new();
    parcel.files = source.content(&parcel, active.map_or(&nothing, Bundle::files))?;
    policy::open(&parcel, expected, &AwsLcVerifier)
}

fn floor(activation: &Activation) -> Activated {
    Activated {
        version: activation.version,
        digest: activation.bundle,
        retired: activation.retired.iter().copied().collect(),
    }
}

/// What is judged by is on record first, and never goes back below what was.
fn record(ledger: &Ledger, bundle: &Bundle, before: Option<Digest>) -> Result<(), String> {
    let activation = activation(bundle, before);
    if before == Some(activation.bundle) {
        return Ok(());
    }
    ledger.append(activation.into()).map(|_| ()).map_err(|e: RecordError| e.to_string())
}

fn activation(bundle: &Bundle, previous: Option<Digest>) -> Activation {
    let activated = bundle.activated();
    Activation {
        bundle: activated.digest,
        expires: bundle.expires().get(),
        previous,
        retired: activated.retired.into_iter().collect(),
        version: activated.version,
    }
}

/// A note key that the bundle does not list would be found out when the last good note has run out.
fn may_renew(key: Option<&PrivateKey>, bundle: &Bundle) -> Result<(), String> {
    if key.is_none_or(|key| bundle.note_keys().contains(key.public_key())) {
        return Ok(());
    }
    let what = "bundle.noteKey is none of the keys that the mesh lists under `notes`";
    Err(format!("{what}: sign a bundle that lists it, or remove `noteKey` and have notes signed elsewhere"))
}
