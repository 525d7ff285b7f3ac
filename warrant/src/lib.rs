//! What a warrant is, and when a chain of warrants holds.
//!
//! A warrant is a permission to execute. An authority signs it, and each holder who delegates it narrows it. Everything
//! here is a pure function of bytes, keys, a time and a request: no clock, no I/O, no randomness, no panic. It builds
//! natively and for wasm32, so the gate and the server call the same functions.
//!
//! A warrant goes through four steps. Each has its own type, so that no step can be left out:
//!
//! 1. [`PresentedWarrant::parse`] checks the form of every link. Nothing is verified yet.
//! 2. [`PresentedWarrant::verify`] checks that keys are points, that the root's key is trusted and that every signature
//!    holds. It gives a [`Chain`].
//! 3. [`Chain::check`] checks time, audience, lineage, revocation and scope. It gives an [`Admitted`].
//! 4. [`Admitted::check_call`] checks the action and the arguments that the route read from the request.
//!
//! A gate also holds a [`statement`]: what the server says of governance, signed anew every few seconds.
//!
//! Each reason to deny is a variant of [`Denial`], in the order of precedence.

mod arguments;
mod base64url;
mod chain;
mod claims;
mod denial;
pub mod formats;
#[cfg(feature = "replay")]
mod from_record;
mod json;
mod key;
pub mod limits;
mod lineage;
#[cfg(feature = "mint")]
pub mod mint;
mod paths;
mod precedence;
mod presented_warrant;
pub mod problem;
mod proof;
mod request;
mod revocation;
mod signature;
mod sorted;
mod stamp;
pub mod statement;
mod subject;
mod time;
mod token;
mod trust;
pub mod verifier;

pub use arguments::{Argument, Arguments, Constraint, Value};
pub use chain::{Admitted, Burn, Chain, ChainExpectations, HOLDER_OF_THE_ROOT};
pub use claims::{Attribution, Claims, Detail, Environment, HolderKey, LinkKind, RootClaims, Starter, Times};
pub use content_digest::Digest;
pub use denial::{Component, Denial};
#[cfg(feature = "replay")]
pub use from_record::{ChainFromRecord, LinkFromRecord};
pub use key::{Algorithm, KeyError, PublicKey, Thumbprint};
pub use lineage::{DIMENSIONS, Dimension};
pub use paths::{PathPattern, RawPath};
pub use presented_warrant::{LinkFault, PresentedWarrant};
pub use proof::{PresentedProof, ProofBody, ProofExpectations, ProofId};
pub use request::{Host, Method, Target, single_header};
pub use revocation::{Mark, Revocable, RevocationKind, Revocations};
pub use signature::Signature;
pub use stamp::Stamp;
pub use subject::SubjectPattern;
pub use time::Seconds;
pub use trust::{Issuer, Terms, Trust, TrustFaults};
#[cfg(feature = "aws-lc")]
pub use verifier::AwsLcVerifier;
#[cfg(feature = "pure")]
pub use verifier::PureVerifier;
pub use verifier::Verifier;
