//! The verdict: a permit with what it costs, a pass where nothing is governed yet, or a denial with its evidence.
//!
//! A `Permit` and a `Pass` can be built only in this room, by the judge. Neither is an allow: nothing has been burned
//! and nothing recorded (`gateway::record`).

use std::marker::PhantomData;

use warrant::{Burn, Denial, ProofId, Seconds};

use super::case::{ByToken, Evidence};

/// What the judge says.
#[derive(Debug)]
pub enum Judgement<E: Evidence = ByToken> {
    Permit(Permit<E>),
    Pass(Pass<E>),
    Deny(Denied),
}

/// The judge's yes, and what must be spent before it may be acted upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit<E: Evidence = ByToken> {
    pub(super) evidence: PhantomData<E>,
    pub(super) route: String,
    pub(super) policies: Vec<String>,
    pub(super) burns: Vec<Burn>,
    pub(super) proof: Option<ProofId>,
    /// When the root was minted: a use counted before this server could remember it cannot be counted on.
    pub(super) minted: Seconds,
}

/// Forwarded without a warrant, for a reason that the platform team signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass<E: Evidence = ByToken> {
    pub(super) evidence: PhantomData<E>,
    pub(super) route: String,
    pub(super) passing: Passing,
}

/// Why a request passes although nothing permits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passing {
    /// The match is declared ungoverned.
    Ungoverned,
    /// The route is only watched: what its verdict would have been.
    Observed(Result<Vec<String>, Denied>),
}

/// A no. Anyone may build one, from anywhere: a denial needs no permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub denial: Denial,
    pub route: Option<String>,
    /// What this case adds to the denial's own meaning; told to the client, so never a secret.
    pub detail: Option<String>,
    /// What a policy advises in place of the denial's own cure.
    pub cure: Option<String>,
    pub policies: Vec<String>,
}

impl<E: Evidence> Permit<E> {
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The policies that permitted, sorted by id.
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// One use of each of these links goes, all or none.
    pub fn burns(&self) -> &[Burn] {
        &self.burns
    }

    /// The proof that must never be seen again, where the route wanted one.
    pub fn proof(&self) -> Option<&ProofId> {
        self.proof.as_ref()
    }

    /// Whether what was spent for the one pays for the other.
    pub fn costs_as_much_as(&self, other: &Permit<E>) -> bool {
        self.burns == other.burns && self.proof == other.proof
    }

    pub fn minted(&self) -> Seconds {
        self.minted
    }
}

impl<E: Evidence> Pass<E> {
    pub fn route(&self) -> &str {
        &self.route
    }

    pub fn passing(&self) -> &Passing {
        &self.passing
    }
}

impl Denied {
    pub fn because(denial: Denial) -> Denied {
        Denied { denial, route: None, detail: None, cure: None, policies: Vec::new() }
    }

    pub fn on_route(denial: Denial, route: &str) -> Denied {
        Denied { route: Some(route.to_owned()), ..Denied::because(denial) }
    }
}

impl From<Denial> for Denied {
    fn from(denial: Denial) -> Denied {
        Denied::because(denial)
    }
}
