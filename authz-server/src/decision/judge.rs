//! The judge: one case against one bundle, in the order of precedence of the closed list. The first that holds is
//! the answer.

use warrant::{Admitted, Arguments, Chain, Denial, Expect, Revocable, Target};

use super::case::{Case, HttpCase, Identity, ProofFound};
use super::verdict::{Denied, Permit, Verdict};
use crate::policy::{Asked, Bundle, Holder, Principal, Require, Route, Uses, decide};

pub fn judge(case: &Case<'_>, bundle: &Bundle) -> Verdict {
    case.governance?;
    let http = case.http.as_ref().map_err(|denial| Denied::because(*denial))?;
    let host = bundle.serves(&case.proxy, http.authority)?;
    let target = Target { host, method: http.method.clone(), path: http.path };
    let chain = http.chain.as_ref().map_err(|denial| Denied::because(*denial))?;
    let expect =
        Expect { now: case.now, terms: bundle.terms(), revoked: &nothing_is_revoked, target: &target };
    let admitted = chain.check(&expect)?;
    let route = bundle.route(&target).ok_or(Denial::NoRoutePolicy)?;
    let key = chain.leaf().cnf().thumbprint().to_string();
    Docket { case, http, target: &target, chain, admitted, bundle, route, key }
        .judge()
        .map_err(|denied| Denied { route: Some(route.name().to_owned()), ..denied })
}

/// Revocations are facts that nobody can record yet; the question has its place in the order already.
fn nothing_is_revoked(_: &Revocable) -> bool {
    false
}

/// A case that has found its route.
struct Docket<'a> {
    case: &'a Case<'a>,
    http: &'a HttpCase<'a>,
    target: &'a Target<'a>,
    chain: &'a Chain,
    admitted: Admitted<'a>,
    bundle: &'a Bundle,
    route: &'a Route,
    /// The leaf's key by its thumbprint: who asks, where only a proof says so of a delegated warrant.
    key: String,
}

impl Docket<'_> {
    fn judge(&self) -> Verdict {
        narrowed(self.chain, self.route.require())?;
        self.arguments()?;
        let principal = self.holder()?;
        let policies = self.policy(principal)?;
        Ok(Permit {
            route: self.route.name().to_owned(),
            host: self.target.host.clone(),
            policies,
            burns: self.chain.burns(),
            proof: match &self.http.proof {
                ProofFound::Holds(id) => Some(id.clone()),
                ProofFound::NotWanted | ProofFound::Failed(_) => None,
            },
        })
    }

    /// Nothing is read from a request yet but its line: a warrant that constrains arguments admits none of them, and a
    /// query holds only parameters that no route has declared.
    fn arguments(&self) -> Result<(), Denial> {
        if self.http.query.is_some_and(|query| !query.is_empty()) && !self.route.takes_any_query() {
            return Err(Denial::OutsideWarrant);
        }
        self.admitted.arguments(self.target.method.as_str(), &Arguments::new())
    }

    /// Who holds the warrant. On a link `sub` is only its parent's word, so that a proof alone makes its holder the key.
    fn holder(&self) -> Result<Principal<'_>, Denial> {
        let leaf = self.chain.leaf();
        let by_certificate = || match &self.case.identity {
            None => Err(Denial::IdentityMissing),
            Some(Identity(id)) if id == leaf.sub() => Ok(Principal::Agent(leaf.sub())),
            Some(_) => Err(Denial::IdentityMismatch),
        };
        let by_proof = || match &self.http.proof {
            ProofFound::NotWanted => Err(Denial::Internal),
            ProofFound::Failed(denial) => Err(*denial),
            ProofFound::Holds(_) if leaf.as_root().is_some() => Ok(Principal::Agent(leaf.sub())),
            ProofFound::Holds(_) => Ok(Principal::Key(&self.key)),
        };
        match self.route.require().holder {
            Holder::Mtls => by_certificate(),
            Holder::Proof => by_proof(),
            Holder::Both => by_certificate().and_then(|principal| by_proof().map(|_| principal)),
        }
    }

    fn policy(&self, principal: Principal<'_>) -> Result<Vec<String>, Denied> {
        let asked = Asked { principal, now: self.case.now, root_sub: self.chain.root().sub() };
        match decide(self.bundle, self.route, &asked) {
            Ok(decided) => Ok(decided.policies),
            Err(refused) => Err(Denied {
                denial: refused.denial,
                route: None,
                detail: refused.reason,
                cure: refused.cure,
                policies: refused.policies,
            }),
        }
    }
}

/// What the route narrows of the whole lineage. Uses are judged on the root: the holder of an unlimited root would mint
/// once-only leaves for ever.
fn narrowed(chain: &Chain, require: &Require) -> Result<(), Denial> {
    if chain.links().any(|link| link.lifetime() > require.max_lifetime) {
        return Err(Denial::LifetimeTooLong);
    }
    if require.max_depth.is_some_and(|most| chain.depth() > usize::from(most)) {
        return Err(Denial::LineageTooDeep);
    }
    match (require.uses, chain.root().use_max()) {
        (Uses::Any, _) | (Uses::Limited, Some(_)) | (Uses::Once, Some(1)) => Ok(()),
        (Uses::Limited | Uses::Once, _) => Err(Denial::UseTooWide),
    }
}
