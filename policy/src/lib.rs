//! The rules: what platform teams write, what is signed, and what decides.
//!
//! Pure: bytes in, a validated policy or every fault out, and verdicts on requests. It reads no file and no clock, and knows
//! neither Envoy nor the ledger. From below to above: `strict` reads YAML and JSON; `documents` are typed; `matching`,
//! `arguments` and `engine` are what a route is made of; `routes` is the policy in its validated form, made by `assembly`;
//! `decision` judges by it; `bundles` are signed policies; `authoring` is for those who write them.

// The fixtures of the tests are shared with the server, and name this crate as it does.
#[cfg(test)]
extern crate self as policy;

pub mod arguments;
mod assembly;
pub mod authoring;
pub mod bundles;
pub mod decision;
mod documents;
mod engine;
pub mod fault;
mod matching;
mod routes;
pub mod strict;
#[cfg(test)]
mod tests;
mod warning;

pub use arguments::LARGEST_BODY;
pub use bundles::{
    Activated, Bundle, Expected, InForceUntil, MANIFEST, NOTE, Note, NoteError, Parcel, Past, Refusal,
    SignError, Signed, Signing, TrustError, TrustKeys, open, trust_in_force, vouch,
};
pub use documents::Posture;
pub use documents::arguments::{ArgumentSource, ArgumentType, DeclaredAction, DeclaredArgument, Pointer};
pub use documents::files::Files;
pub use documents::mesh::{Attestor, Notes, public_key};
pub use documents::require::{Condition, Holder, Require, UseLimit};
pub use documents::scalars::rfc3339;
pub use engine::{
    Asked, Attribution, Decided, Lineage, Nearest, Principal, Refused, STACK, Starter, on_a_deep_stack,
    this_thread_is_deep,
};
pub use fault::{Fault, Place};
pub use routes::{Found, Located, Opening, Passage, Policy, Route};
pub use warning::{WARNINGS, Warning};
pub use warrant::Digest;
