//! The policy: what platform teams write, what is signed, and what decides.
//!
//! Pure, but for `disk`: text in, a validated policy or every fault out. It knows no clock (time is handed in), no Envoy, no ledger;
//! of `decision` only `testing` knows, so that a team's tests meet the judge that requests meet.

pub mod arguments;
mod assembly;
mod built;
mod bundle;
pub mod disk;
pub(crate) mod documents;
mod editor;
mod engine;
pub(crate) mod fault;
mod groups;
mod matching;
mod narrowing;
mod questions;
mod route;
mod shadow;
mod sources;
mod testing;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod text;
mod view;
mod warning;

use std::path::Path;

pub use arguments::LARGEST_BODY;
pub use assembly::Policy;
pub use built::{Built, Tested};
pub use bundle::{
    Activated, Bundle, Digest, Expected, InForceUntil, MANIFEST, NOTE, Note, NoteError, Parcel, Past,
    Refusal, SignError, Signed, Signing, TrustError, TrustKeys, open, sign, trust_in_force, vouch,
};
pub use documents::arguments::{Action, Argument, ArgumentType, Pointer, Source};
pub use documents::mesh::{Attestor, Notes};
pub use documents::require::{Condition, Holder, Uses};
pub use editor::documents_schema;
pub use engine::{
    Asked, Attribution, Decided, Lineage, Nearest, Posture, Principal, Refused, STACK, Starter, decide,
    nearest, on_a_deep_stack, this_thread_is_deep,
};
pub use fault::{Fault, Place};
pub use narrowing::Attested;
pub use questions::Passage;
pub use route::{Opening, Require, Route};
pub use shadow::{Difference, Differences};
pub use sources::Files;
pub use testing::{Coverage, Explained, Judged, Outcome, Question};
pub(crate) use testing::{explain_case, explain_verdict};
pub use view::{Recorded, View};
pub use warning::{WARNINGS, Warning};

/// Builds the bundle whose source is this directory; every fault at once.
pub fn build(dir: &Path) -> Result<Built, Vec<Fault>> {
    disk::sources(dir).and_then(|files| Built::from_files(&files))
}

/// Reads and tests the documents in this directory; tests that fail are told apart from faults.
pub fn examine(dir: &Path) -> Result<Tested, Vec<Fault>> {
    disk::sources(dir).and_then(|files| Tested::from_files(&files))
}

/// Loads the signed bundle in this directory.
pub fn load(
    dir: &Path,
    expected: &Expected<'_>,
    verifier: &dyn warrant::Verifier,
) -> Result<Bundle, Refusal> {
    open(&disk::parcel(dir)?, expected, verifier)
}

/// A verdict as it is told: the code of a denial, or `allow`.
#[expect(clippy::ref_option, reason = "the shape in which serde asks for it")]
fn code<S: serde::Serializer>(denial: &Option<warrant::Denial>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(denial.map_or("allow", warrant::Denial::code))
}
