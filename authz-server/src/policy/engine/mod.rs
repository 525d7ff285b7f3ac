//! What decides, once everything that a route requires has held.

use warrant::{Denial, Seconds};

use super::bundle::Bundle;
use super::documents::callers::Caller;
use super::route::Route;

/// Who is asking, as far as that is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal<'a> {
    /// Named by a certificate, or by the authority in a root.
    Agent(&'a str),
    /// A delegated key: its holder's name is only its parent's word.
    Key(&'a str),
}

/// What is asked of the policy.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub principal: Principal<'a>,
    pub now: Seconds,
    /// The root's `sub`: who began it.
    pub root_sub: &'a str,
}

/// The policy permits: which policies did, by id, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub policies: Vec<String>,
}

/// The policy does not permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub denial: Denial,
    /// What the policy's author says of it.
    pub reason: Option<String>,
    pub cure: Option<String>,
    pub policies: Vec<String>,
}

/// Asks the policy of this route.
pub fn decide(bundle: &Bundle, route: &Route, asked: &Asked<'_>) -> Result<Decided, Refused> {
    let mut policies: Vec<_> = route
        .callers()
        .iter()
        .filter(|caller| permits(caller, bundle, asked.principal))
        .map(|caller| caller_id(route.name(), caller))
        .collect();
    policies.sort();
    if policies.is_empty() {
        return Err(Refused { denial: Denial::PolicyDenied, reason: None, cure: None, policies });
    }
    Ok(Decided { policies })
}

fn permits(caller: &Caller, bundle: &Bundle, principal: Principal<'_>) -> bool {
    match (caller, principal) {
        (Caller::AnyHolder, _) => true,
        (Caller::Agent(name), Principal::Agent(agent)) => name == agent,
        (Caller::Group(group), Principal::Agent(agent)) => {
            bundle.policy().groups.of(agent).any(|name| name == group)
        }
        // A key is in no group and has no name of its own.
        (Caller::Agent(_) | Caller::Group(_), Principal::Key(_)) => false,
    }
}

/// What the permit of a caller is called.
fn caller_id(route: &str, caller: &Caller) -> String {
    format!("{route}/caller:{}", caller.entry())
}
