//! The policy in its validated form: routes, hosts, and the one function that finds what governs a request.
//!
//! Everything here holds by construction: `assembly` builds it, after every rule has been checked.

mod hosts;
mod locate;
mod policy;
mod route;

pub(crate) use hosts::Hosts;
pub use locate::{Found, Located, Passage};
pub(crate) use policy::MatchIndex;
pub use policy::Policy;
pub use route::{Opening, Route};
