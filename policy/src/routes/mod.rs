//! The policy in its validated form: routes, hosts, and the one function that finds what governs a request.
//!
//! Everything here is valid by construction: `assembly` builds it after it has checked every rule.

mod hosts;
mod listed;
mod locate;
mod policy;
mod route;

pub(crate) use hosts::Hosts;
pub use listed::ListedMatch;
pub use locate::{Exemption, Found, Located};
pub(crate) use policy::MatchIndex;
pub use policy::Policy;
pub use route::{Route, UngovernedMatch};
