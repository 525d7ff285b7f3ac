//! The commands of operators: each makes one call to the API of a running server, prints its answer, and may
//! wait until the proxies have the fact that it recorded.

mod attest;
pub(super) mod call;
mod decisions;
mod lineage;
mod posture;
mod proxies;
mod reinstate;
mod revoke;
mod wait;

pub(super) use attest::{Command as AttestCommand, run as attest};
pub(super) use decisions::{Args as DecisionsArgs, run as decisions};
pub(super) use lineage::{Args as LineageArgs, run as lineage};
pub(super) use posture::{Args as PostureArgs, run as set_posture};
pub(super) use proxies::{Args as ProxiesArgs, run as proxies};
pub(super) use reinstate::{Args as ReinstateArgs, run as reinstate};
pub(super) use revoke::{Args as RevokeArgs, run as revoke};
