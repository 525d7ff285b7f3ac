//! The law: what a warrant is, and when a chain of them holds.
//!
//! A warrant is a permission to execute, signed by an authority and narrowed by each holder who delegates it. Everything
//! here is a pure function of bytes, keys, a time and a request: no clock, no I/O, no randomness, no panic. It builds
//! natively and for wasm32, and gate and server call the same functions.
//!
//! The way through, each step a type of its own, so that none can be left out:
//!
//! 1. [`Presented::parse`]: all of form, of every link. Nothing is believed.
//! 2. [`Presented::signed_under`]: keys are points, the root's key is trusted, every signature holds: a [`Chain`].
//! 3. [`Chain::check`]: time, audience, lineage, revocation, scope: [`Admitted`].
//! 4. [`Admitted::arguments`]: what the route read from the request.
//!
//! Each denial is one of the closed list [`Denial`], and its variants stand in the order of precedence.

mod arguments;
mod base64url;
mod chain;
mod claims;
mod denial;
mod json;
mod key;
pub mod limits;
mod lineage;
#[cfg(feature = "mint")]
pub mod mint;
mod paths;
mod precedence;
mod presented;
pub mod problem;
mod proof;
#[cfg(feature = "replay")]
mod recalled;
mod request;
mod revocation;
pub mod rules;
mod signature;
mod subject;
mod time;
mod token;
mod trust;
pub mod verifier;

pub use arguments::{Argument, Arguments, Constraint, Value};
pub use chain::{Admitted, Burn, Chain, Expect};
pub use claims::{Attribution, Claims, Detail, Environment, Holder, Place, Root, Starter, Times};
pub use content_digest::Digest;
pub use denial::{Denial, Room};
pub use key::{Algorithm, KeyError, PublicKey, Thumbprint};
pub use lineage::{DIMENSIONS, Dimension};
pub use paths::{PathPattern, RawPath};
pub use presented::{Fault, Presented};
pub use proof::{Proof, ProofId, ProofOf};
#[cfg(feature = "replay")]
pub use recalled::{LinkOnRecord, Recalled};
pub use request::{Host, Method, Target, our_header};
pub use revocation::{Mark, Revocable, RevocationKind, Revocations};
pub use signature::Signature;
pub use subject::SubjectPattern;
pub use time::Seconds;
pub use trust::{Issuer, Terms, Trust, TrustError};
#[cfg(feature = "aws-lc")]
pub use verifier::AwsLcVerifier;
#[cfg(feature = "pure")]
pub use verifier::PureVerifier;
pub use verifier::Verifier;
