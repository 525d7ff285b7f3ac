//! The rules: the documents that platform teams write, the bundles that they sign, and the judge that decides
//! by them.
//!
//! This crate is pure: it takes bytes, and returns a validated policy or every fault; then it gives verdicts
//! on requests. It reads no file and no clock, and knows neither Envoy nor the ledger. From the lowest module
//! to the highest: `strict` reads YAML and JSON; `documents` gives them types; `matching`, `arguments` and
//! `engine` are the parts of a route; `routes` is the validated policy, which `assembly` builds; `decision`
//! judges by it; `bundles` are signed policies; `authoring` is for people who write policies.

// The server's tests use the same fixtures, so the fixtures name this crate as the server does.
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
pub mod issuing;
mod matching;
mod routes;
pub mod strict;
#[cfg(test)]
mod tests;
mod warning;

pub use bundles::{
    Activated, Base, Bundle, BundleRefusal, Expected, InForceUntil, MANIFEST, NOTE, Note, NoteError, Parcel,
    PastBundle, ROUTES_MANIFEST, ROUTES_NOTE, RoutesParcel, RoutesSigning, SignError, SignedBundle,
    SignedRoutes, Signing, TrustError, TrustKeys, check_manifest, check_routes_manifest, open, open_base,
    trust_in_force,
};
pub use documents::Posture;
pub use documents::arguments::{ArgumentSource, ArgumentType, DeclaredAction, DeclaredArgument, Pointer};
pub use documents::attestors::{Anchor, Attestor};
pub use documents::caller_issuers::{CallerIssuer, CallerKeys};
pub use documents::files::Files;
pub use documents::grants::GrantTerms;
pub use documents::issuance::{GrantLimits, HolderKeyOrigin, IssueQuery, StarterQuery};
pub use documents::mesh::{Notes, public_key};
pub use documents::operators::{
    OperatorAction, OperatorContext, OperatorPrincipal, OperatorQuery, OperatorResource, Stance, tightens,
};
pub use documents::proxy_terms::ProxyTerms;
pub use documents::require::{Condition, Holder, Require, UseLimit};
pub use documents::scalars::is_label;
pub use documents::subject_issuers::{SubjectIssuer, SubjectNaming, SubjectRole};
pub use documents::subject_name::{ClaimPath, NameTemplate};
pub use documents::times::{rfc3339, seconds as seconds_in};
pub use engine::{
    Issuance, Lineage, Nearest, NotPermitted, Operators, Permitted, PermittedGrant, PolicyQuery, Principal,
    STACK, mark_this_thread_deep, on_a_deep_stack,
};
pub use fault::{Fault, Place};
pub use routes::{Exemption, Found, ListedMatch, Located, Policy, Route, UngovernedMatch};
pub use warning::{WARNINGS, Warning};
pub use warrant::Digest;
