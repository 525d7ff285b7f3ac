//! A request for a root warrant, as `issuance.cedar` and its tests see it.

use std::collections::BTreeSet;

use warrant::{Detail, Seconds};

use super::Posture;

/// The question which grants a holder may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueQuery {
    /// The holder: the `sub` of the root.
    pub holder: String,
    pub key: HolderKeyOrigin,
    /// The `iss` of the token by which the subject was shown; `None` without a token, or if it has none.
    pub token: Option<String>,
    /// On whose behalf the holder asks; `None` for himself.
    pub starter: Option<StarterQuery>,
    /// How many roots the token yielded before; without a token, how many living roots the holder has.
    pub roots: u64,
    pub posture: Posture,
    pub now: Seconds,
}

/// Where the key of the holder comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderKeyOrigin {
    /// The holder has shown that it has this key, and a token speaks for the holder.
    Own,
    /// It is the key of the certificate of this connection.
    Certificate,
    /// Another key, although only a certificate speaks for the holder. A sidecar lends its certificate to whatever its
    /// application was talked into sending, so a policy must name this case.
    Other,
}

impl HolderKeyOrigin {
    pub const ALL: [Self; 3] = [Self::Own, Self::Certificate, Self::Other];

    /// The value of `context.cnf`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Certificate => "certificate",
            Self::Other => "other",
        }
    }
}

/// On whose behalf a holder asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StarterQuery {
    pub iss: String,
    pub sub: String,
    /// Whether the starter's own token names this holder as the one who may act. If it does not, a policy must name this case.
    pub may_act: bool,
}

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A grant, by name: all of it, or what `details` names of it.
    pub grant: Option<String>,
    /// What is to be done.
    pub details: Option<Vec<Detail>>,
    /// The hosts alone for which the warrant is wanted; `None` for all that are granted.
    pub hosts: Option<BTreeSet<String>>,
    /// The longest lifetime that is of use, in seconds.
    pub lifetime: Option<u64>,
    /// The most uses that are of use.
    pub uses: Option<u32>,
    /// The most delegations, one below the other, that are of use.
    pub depth: Option<u64>,
}

/// How far a warrant by one permit may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantLimits {
    /// The longest lifetime, in seconds.
    pub lifetime: u64,
    /// How often it may be used; `None` for any number of times.
    pub uses: Option<u32>,
    /// How often it may be delegated, one below the other.
    pub depth: u64,
}

impl GrantLimits {
    /// The stricter of both, in each limit.
    pub(crate) fn and(self, other: Self) -> Self {
        let uses = match (self.uses, other.uses) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self { lifetime: self.lifetime.min(other.lifetime), uses, depth: self.depth.min(other.depth) }
    }
}
