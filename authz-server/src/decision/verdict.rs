//! The verdict: a permit with what it costs, or a denial with its evidence.
//!
//! A `Permit` can be built only in this room, by the judge. It is not yet an allow: nothing has been burned and
//! nothing recorded (`gateway::allow`).

use warrant::{Burn, Denial, Host, ProofId};

pub type Verdict = Result<Permit, Denied>;

/// The judge's yes, and what must be spent before it may be acted upon.
#[derive(Debug)]
pub struct Permit {
    pub(super) route: String,
    pub(super) host: Host,
    pub(super) policies: Vec<String>,
    pub(super) burns: Vec<Burn>,
    pub(super) proof: Option<ProofId>,
}

impl Permit {
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The canonical name of the host, as routes, warrants, receipts and stamps know it.
    pub fn host(&self) -> &Host {
        &self.host
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
