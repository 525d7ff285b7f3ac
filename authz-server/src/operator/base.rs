//! Reads the base that was signed offline, again and again, from where the configuration says, and verifies it before anything is built over it.
//! A base that is refused leaves the one before.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use policy::authoring::Grounds;
use policy::{Activated, Base, BundleRefusal, Expected, Files, Parcel, RoutesParcel, TrustKeys};
use tokio::sync::watch;
use tracing::{error, info};
use warrant::AwsLcVerifier;

use super::config::{BaseConfig, BasePlace};
use super::state::{SignedContent, higher};
use crate::bundles::{BundleSource, ThreadError, start_policy_thread};
use crate::clock::Clock;
use crate::complaint::Complaint;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A base whose signatures hold.
#[derive(Debug)]
pub struct OpenedBase {
    pub parcel: Parcel,
    pub base: Base,
    pub grounds: Grounds,
}

/// What the place of the base has now: the base, and what lies beside it.
#[derive(Clone, Debug)]
pub struct SignedBase {
    pub opened: Arc<OpenedBase>,
    /// The note about the base, if there is one.
    pub note: Option<Vec<u8>>,
    /// Routes that are signed over it already: what others sign lies there.
    pub offered: Option<SignedContent>,
}

impl SignedBase {
    fn is_same(&self, other: &SignedBase) -> bool {
        Arc::ptr_eq(&self.opened, &other.opened) && self.note == other.note && self.offered == other.offered
    }
}

/// What a server would demand of this base. The floor is that of what was published.
#[derive(Clone, Debug)]
pub struct Demands {
    pub trust: TrustKeys,
    pub audience: String,
    pub min_version: u64,
    pub floor: Arc<Mutex<Option<Activated>>>,
    pub clock: Clock,
}

impl Demands {
    pub fn with<T>(&self, ask: impl FnOnce(&Expected<'_>) -> T) -> T {
        let floor = self.floor();
        ask(&Expected {
            trust: &self.trust,
            audience: &self.audience,
            floor: floor.as_ref(),
            min_version: self.min_version,
            now: self.clock.now(),
        })
    }

    /// The floor never falls, whatever is read later.
    pub fn raise_floor(&self, read: Option<Activated>) {
        let mut floor = self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        *floor = higher(floor.take(), read);
    }

    /// Why this base may not be used any more, although its signatures hold: something was signed over a newer one.
    pub fn check_not_below_floor(&self, base: &Base) -> Result<(), String> {
        let Some(floor) = self.floor() else { return Ok(()) };
        let (own, digest) = (base.version(), base.digest());
        if floor.version > own || (floor.version == own && floor.digest != digest) {
            return Err(format!(
                "it has version {own} ({digest}), and routes were signed over version {} ({}): bring that one, or a newer one",
                floor.version, floor.digest
            ));
        }
        Ok(())
    }

    pub fn floor(&self) -> Option<Activated> {
        self.floor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Looks for a newer base until the receiver is gone.
pub fn start(
    config: &BaseConfig,
    demands: Demands,
    wants_routes: bool,
    refused: Arc<Complaint>,
    known: watch::Sender<Option<SignedBase>>,
) -> Result<(), ThreadError> {
    let place = config.place.clone();
    start_policy_thread("base", move || {
        let mut reader: Option<BundleSource> = None;
        while !known.is_closed() {
            let before = known.borrow().clone();
            match look(&mut reader, &place, &demands, wants_routes, before.as_ref()) {
                Ok(found) => {
                    if refused.clear() {
                        info!("the base can be used again");
                    }
                    known.send_if_modified(|now| {
                        let is_new = now.as_ref().is_none_or(|now| !now.is_same(&found));
                        if is_new {
                            *now = Some(found);
                        }
                        is_new
                    });
                }
                Err(why) => {
                    let why = format!("the base in {place} cannot be used: {why}");
                    if refused.raise(&why) {
                        error!("{why}");
                    }
                }
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    })
}

fn look(
    reader: &mut Option<BundleSource>,
    place: &BasePlace,
    demands: &Demands,
    wants_routes: bool,
    known: Option<&SignedBase>,
) -> Result<SignedBase, String> {
    let source = match reader {
        Some(source) => source,
        None => reader.insert(source_at(place.clone())?),
    };
    let told = |refusal: BundleRefusal| refusal.to_string();
    let manifest = source.manifest().map_err(told)?;
    let same = known.filter(|known| known.opened.parcel.manifest == manifest);
    let opened = match same {
        Some(known) => Arc::clone(&known.opened),
        None => Arc::new(open(source, manifest, demands)?),
    };
    // Again each time: at a start the floor is not known yet, and another process may have signed over a newer base.
    demands.check_not_below_floor(&opened.base)?;
    let note = source.note().ok().or_else(|| same?.note.clone());
    let offered = match wants_routes {
        true => offered(source, known.and_then(|known| known.offered.as_ref())),
        false => None,
    };
    Ok(SignedBase { opened, note, offered })
}

fn source_at(place: BasePlace) -> Result<BundleSource, String> {
    match place {
        BasePlace::Bundle(place) => BundleSource::open(place).map_err(|error| error.to_string()),
        BasePlace::Archive(path) => Ok(BundleSource::archive(path)),
    }
}

fn open(source: &mut BundleSource, manifest: Vec<u8>, demands: &Demands) -> Result<OpenedBase, String> {
    let told = |refusal: BundleRefusal| refusal.to_string();
    let trust = source.trust().map_err(told)?;
    let head = Parcel { manifest, trust, ..Parcel::default() };
    // Only a trusted signer can make the operator fetch files.
    demands.with(|expected| policy::check_manifest(&head, expected, &AwsLcVerifier)).map_err(told)?;
    let files = source.content(&head, &Files::new()).map_err(told)?;
    let parcel = Parcel { files, ..head };
    let base = demands.with(|expected| policy::open_base(&parcel, expected, &AwsLcVerifier)).map_err(told)?;
    if base.routes_by().is_none() {
        return Err("it names nobody under `routesBy` of mesh.yaml, so all routes are signed with it: add the operator's key there, and sign it again".to_owned());
    }
    let grounds =
        Grounds::of(&base).ok_or("its documents are not sound: check them with `portcullis policy check`")?;
    info!(version = base.version(), digest = %base.digest(), "took the base");
    Ok(OpenedBase { parcel, base, grounds })
}

/// The routes that lie beside the base. They are verified where they are used. What was there and cannot be read now stays: routes are
/// replaced and not removed, and without them everything would be built as if nothing had ever been signed.
fn offered(source: &mut BundleSource, known: Option<&SignedContent>) -> Option<SignedContent> {
    newly_offered(source, known).or_else(|| known.cloned())
}

fn newly_offered(source: &mut BundleSource, known: Option<&SignedContent>) -> Option<SignedContent> {
    let manifest = source.routes_manifest().ok()?;
    let is_same = known.is_some_and(|known| known.routes.manifest == manifest);
    let note = match source.routes_note() {
        Ok(note) => note,
        Err(_) if is_same => known?.note.clone(),
        Err(_) => Vec::new(),
    };
    if let Some(known) = known.filter(|_| is_same) {
        return Some(SignedContent { routes: known.routes.clone(), note });
    }
    let held = known.map(|known| known.routes.files.clone()).unwrap_or_default();
    let files = source.routes_content(&manifest, &held).ok()?;
    Some(SignedContent { routes: RoutesParcel { manifest, files }, note })
}
