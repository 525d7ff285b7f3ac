//! The verdict: a permit with its costs, a pass for a request that is not governed yet, or a denial with its
//! evidence.
//!
//! Only the judge can build a `Permit` or a `Pass`: their fields are private to `decision`. Neither is an
//! allow: nothing has been burned and nothing recorded (`gateway::record`).

use std::marker::PhantomData;

use warrant::{Burn, Denial, ProofId, Seconds};

use super::case::{ByToken, Evidence};

/// The judge's verdict.
#[derive(Debug)]
pub enum Judgement<E: Evidence = ByToken> {
    Permit(Permit<E>),
    Pass(Pass<E>),
    Deny(Denied),
}

/// The policies permit, and these uses must be burned before the request is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit<E: Evidence = ByToken> {
    pub(super) evidence: PhantomData<E>,
    pub(super) route: String,
    pub(super) policies: Vec<String>,
    pub(super) burns: Vec<Burn>,
    pub(super) proof: Option<ProofId>,
    /// When the root was minted. If that is before this server began to count uses, earlier uses may be
    /// unknown.
    pub(super) minted: Seconds,
}

/// The request is forwarded without a permit, for a reason that the platform team signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass<E: Evidence = ByToken> {
    pub(super) evidence: PhantomData<E>,
    pub(super) route: String,
    pub(super) reason: PassReason,
}

/// Why a request passes although no policy permits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassReason {
    /// The match is declared ungoverned.
    Ungoverned,
    /// The route is only observed: the verdict it would have had.
    Observed(Result<Vec<String>, Denied>),
}

/// A denial. Any code may build one: a denial needs no permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub denial: Denial,
    pub route: Option<String>,
    /// What this case adds to the denial's own meaning. The client sees it, so it is never a secret.
    pub detail: Option<String>,
    /// What a policy advises instead of the denial's own cure.
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

    /// One use of each of these links is burned: all or none.
    pub fn burns(&self) -> &[Burn] {
        &self.burns
    }

    /// The proof that must never be accepted again, if the route required one.
    pub fn proof(&self) -> Option<&ProofId> {
        self.proof.as_ref()
    }

    /// Whether burning the costs of one of them also pays for the other.
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

    pub fn reason(&self) -> &PassReason {
        &self.reason
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

/// A result in one word: the code of a denial, or `allow`.
pub fn result_code(denial: Option<Denial>) -> &'static str {
    denial.map_or("allow", Denial::code)
}

/// The same, in the shape that serde asks for.
pub fn serialize_result<S: serde::Serializer>(
    denial: &Option<Denial>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(result_code(*denial))
}
