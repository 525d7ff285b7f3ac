//! Signs what was built, and renews the note about it. It is pure but for the key: the time, the base and the state are given.

use std::sync::Arc;

use policy::authoring::Built;
use policy::{Base, Bundle, BundleRefusal, Expected, Files, Note, Parcel, RoutesSigning};
use warrant::mint::Signer;
use warrant::{AwsLcVerifier, Seconds};

use super::state::{SignedContent, SignedState};
use crate::bundles::check_size;
use crate::keys::PrivateKey;

/// The signed routes over a base, opened as a server opens them.
#[derive(Clone, Debug)]
pub struct Pair {
    pub bundle: Arc<Bundle>,
    pub content: SignedContent,
    /// Until when the note about the routes holds; `None` if it does not.
    pub note_until: Option<Seconds>,
}

impl Pair {
    /// Whether its routes were signed over this base.
    pub fn is_over(&self, base: &Base) -> bool {
        self.bundle.base().digest() == base.digest()
    }

    /// Opens what was signed over this base. `expected` says what a server expects.
    pub fn open(
        base: &Parcel,
        content: SignedContent,
        expected: &Expected<'_>,
    ) -> Result<Pair, BundleRefusal> {
        let parcel = Parcel { routes: Some(content.routes.clone()), ..base.clone() };
        let bundle = Arc::new(policy::open(&parcel, expected, &AwsLcVerifier)?);
        let note = Note::open_routes(&content.note);
        let until = note.and_then(|note| note.verify(&bundle, expected.now, &AwsLcVerifier));
        Ok(Pair { bundle, content, note_until: until.ok().map(|until| until.0) })
    }

    /// Whether the routes must be signed again: they are others, they are over another base, half of their time is over, or they were
    /// signed while the clock was ahead, so that no server takes them yet.
    pub fn is_outdated(&self, base: &Base, files: &Files, now: Seconds, lifetime: u64) -> bool {
        let is_other = self.bundle.base().digest() != base.digest() || self.content.routes.files != *files;
        let left = self.bundle.expires().get().saturating_sub(now.get());
        // A base that ends soon cannot be outlived: signing again would change nothing.
        let could_be_longer =
            base.window().1.min(now.get().saturating_add(lifetime)) > self.bundle.expires().get();
        is_other || self.bundle.not_before() > now || (could_be_longer && left < lifetime / 2)
    }

    /// Whether the note must be renewed: half of its time is over, or it was signed while the clock was ahead, so that no server takes it
    /// yet.
    pub fn wants_note(&self, now: Seconds) -> bool {
        let most = self.bundle.base().notes().max_age;
        let left = self.note_until.map_or(0, |until| until.get().saturating_sub(now.get()));
        // A note cannot outlive the routes.
        let could_be_longer = self.bundle.expires().get() > self.note_until.map_or(0, Seconds::get);
        left > most || (could_be_longer && left < most / 2)
    }
}

/// The files of the teams in what was built.
pub fn files_of_teams(built: &Built, base: &Base) -> Files {
    let all = built.packed().iter().filter(|(name, _)| base.is_of_a_team(name));
    all.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
}

/// Signs what was built as the next version, with a note. `seen` is the highest version of routes over this base that a server has.
pub fn sign(
    built: &Built,
    base: (&Base, &Parcel),
    (state, seen): (&SignedState, Option<u64>),
    key: &PrivateKey,
    expected: &Expected<'_>,
    lifetime: u64,
) -> Result<Pair, String> {
    let (base, parcel) = base;
    let now = expected.now;
    let version = state
        .next_version(base.digest(), seen, now.get())
        .ok_or("the version number cannot grow further: sign a new base, whose versions begin anew")?;
    let signers: [&dyn Signer; 1] = [key];
    let terms = RoutesSigning {
        version,
        not_before: now.get(),
        expires: now.plus(lifetime).get(),
        signers: &signers,
    };
    let signed = built.sign_routes(base, &terms).map_err(|error| error.to_string())?;
    let whole = Parcel { routes: Some(signed.parcel.clone()), ..parcel.clone() };
    check_size(&whole)
        .map_err(|why| format!("nothing is published, because servers would refuse it: {why}"))?;
    let unnoted = SignedContent { routes: signed.parcel, note: Vec::new() };
    let pair = Pair::open(parcel, unnoted, expected)
        .map_err(|refusal| format!("nothing is published, because servers would refuse it: {refusal}"))?;
    with_note(pair, key, parcel, expected)
}

/// The same routes with a new note.
pub fn with_note(
    pair: Pair,
    key: &PrivateKey,
    base: &Parcel,
    expected: &Expected<'_>,
) -> Result<Pair, String> {
    let most = pair.bundle.base().notes().max_age;
    let note = Note::sign_routes(&pair.bundle, expected.now, most, key).map_err(|error| error.to_string())?;
    let content = SignedContent { note, ..pair.content };
    Pair::open(base, content, expected).map_err(|refusal| refusal.to_string())
}
