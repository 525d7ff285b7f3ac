//! Judges one case by one policy, in the order of precedence of the denials. The first denial that applies is
//! the answer.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use warrant::{Admitted, Chain, ChainExpectations, Denial, Revocable, Revocations, Target};

use super::case::{Case, Evidence, HttpCase, ProofFound};
use super::facts::{Facts, Identity};
use super::require::{check_attestations, in_environment};
use super::verdict::{Denied, Judgement, Pass, PassReason, Permit};
use crate::arguments::Extracted;
use crate::documents::require::Holder;
use crate::engine::{Lineage, Nearest, PolicyQuery, Principal};
use crate::routes::{Exemption, Located, Policy, Route};

pub fn judge<E: Evidence>(case: &Case<'_, E>, policy: &Policy) -> Judgement<E> {
    match try_judge(case, policy) {
        Ok(judgement) => judgement,
        Err(denied) => Judgement::Deny(denied),
    }
}

/// If no policy permitted: the permit that came nearest, and the part of it that does not hold.
pub fn nearest<E: Evidence>(case: &Case<'_, E>, policy: &Policy) -> Option<Nearest> {
    let (http, located) = understood(case, policy).ok()?;
    let admitted = admit(case, http, located, policy).ok()?;
    let proved = admitted.prove().ok()?;
    policy.nearest(admitted.route, &admitted.query(&proved))
}

/// First come the denials that apply everywhere, then the question whether a route governs the request, then
/// the warrant. A halted route needs no warrant to be told so, and is not forwarded even if it is ungoverned or
/// observed.
fn try_judge<E: Evidence>(case: &Case<'_, E>, policy: &Policy) -> Result<Judgement<E>, Denied> {
    case.governance?;
    let (http, located) = understood(case, policy)?;
    if case.facts.halted.route {
        return Err(Denied { route: located.found.name().map(str::to_owned), ..Denial::Halted.into() });
    }
    match located.found.exemption(case.now) {
        Some(Exemption::Ungoverned(found)) => Ok(Judgement::Pass(pass(found.name(), PassReason::Ungoverned))),
        Some(Exemption::Observed(route)) => {
            let verdict = judge_governed(case, http, located, policy).map(|permit| permit.policies);
            // A fault of our own denies even if the route is only observed.
            match verdict {
                Err(denied) if denied.denial == Denial::Internal => Err(denied),
                verdict => Ok(Judgement::Pass(pass(route.name(), PassReason::Observed(verdict)))),
            }
        }
        None => judge_governed(case, http, located, policy).map(Judgement::Permit),
    }
}

/// The request, with its target and what governs it.
fn understood<'c, E: Evidence>(
    case: &'c Case<'_, E>,
    policy: &Policy,
) -> Result<(&'c HttpCase<'c, E>, &'c Located<'c>), Denied> {
    let http = case.http.as_ref().map_err(|denial| Denied::because(*denial))?;
    let located = http.located.as_ref().map_err(|denial| Denied::because(*denial))?;
    if policy.is_source_of(located.found) { Ok((http, located)) } else { Err(Denial::Internal.into()) }
}

fn pass<E: Evidence>(route: &str, reason: PassReason) -> Pass<E> {
    Pass { evidence: PhantomData, route: route.to_owned(), reason }
}

fn judge_governed<E: Evidence>(
    case: &Case<'_, E>,
    http: &HttpCase<'_, E>,
    located: &Located<'_>,
    policy: &Policy,
) -> Result<Permit<E>, Denied> {
    let admitted = admit(case, http, located, policy)?;
    let on_route = |denied| Denied { route: Some(admitted.route.name().to_owned()), ..denied };
    admitted.judge().map_err(on_route)
}

/// The case with its route, after `warrant` has admitted the chain to the target.
fn admit<'a, E: Evidence>(
    case: &'a Case<'a, E>,
    http: &'a HttpCase<'a, E>,
    located: &'a Located<'a>,
    policy: &'a Policy,
) -> Result<AdmittedCase<'a, E>, Denied> {
    let target = &located.target;
    let chain: &Chain = http.chain.as_ref().map_err(|denial| Denied::because(*denial))?;
    if case.facts.halted.issuer {
        return Err(Denial::Halted.into());
    }
    let expect = ChainExpectations { now: case.now, terms: policy.terms(), revoked: &case.facts, target };
    let admitted = chain.check(&expect)?;
    let route = located.found.route().ok_or(Denial::NoRoutePolicy)?;
    Ok(AdmittedCase { case, http, target, chain, admitted, policy, route })
}

/// The facts hold only the few revocations that name this chain.
impl Revocations for Facts {
    fn is_revoked(&self, one: &Revocable) -> bool {
        self.revoked.contains(one)
    }
}

/// A case whose warrant is admitted to the target, with the route that governs it.
struct AdmittedCase<'a, E: Evidence> {
    case: &'a Case<'a, E>,
    http: &'a HttpCase<'a, E>,
    target: &'a Target<'a>,
    chain: &'a Chain,
    admitted: Admitted<'a>,
    policy: &'a Policy,
    route: &'a Route,
}

/// What is proved before the policies are asked.
struct Proved<'a> {
    given: &'a Extracted,
    principal: Principal,
    environment: BTreeMap<String, String>,
    conditions: BTreeMap<String, String>,
}

impl<E: Evidence> AdmittedCase<'_, E> {
    fn judge(&self) -> Result<Permit<E>, Denied> {
        let proved = self.prove()?;
        let policies = self.ask(&self.query(&proved))?;
        self.route.require().check_issuance_is_known(self.case.facts.issuance)?;
        Ok(Permit {
            evidence: PhantomData,
            route: self.route.name().to_owned(),
            policies,
            burns: self.chain.burns(),
            proof: match &self.http.proof {
                ProofFound::Holds(id) => Some(id.clone()),
                ProofFound::NotWanted | ProofFound::Failed(_) => None,
            },
            minted: self.chain.root().times().iat,
        })
    }

    /// Checks everything that the route requires, in the order of the denials.
    fn prove(&self) -> Result<Proved<'_>, Denied> {
        let (require, facts) = (self.route.require(), &self.case.facts);
        require.check_lineage(self.chain)?;
        require.check_issued(facts.issuance)?;
        let given = self.arguments()?;
        let principal = self.holder()?;
        let environment = in_environment(require, self.chain, facts)?;
        let conditions = require.conditions_in(&facts.conditions, self.case.now)?;
        check_attestations(require, self.chain, facts, self.case.now, self.policy.attestation_max_age())?;
        Ok(Proved { given, principal, environment, conditions })
    }

    fn query<'a>(&'a self, proved: &'a Proved<'_>) -> PolicyQuery<'a> {
        PolicyQuery {
            principal: &proved.principal,
            now: self.case.now,
            action: &proved.given.action,
            method: self.target.method.as_str(),
            host: self.target.host.as_str(),
            path: self.target.path.as_str(),
            args: &proved.given.args,
            posture: self.case.facts.posture,
            environment: &proved.environment,
            conditions: &proved.conditions,
            warrant: self.lineage(),
        }
    }

    /// What the route read, if every link has a detail that admits it.
    fn arguments(&self) -> Result<&Extracted, Denied> {
        let given = match &self.http.given {
            Some(Ok(given)) => given,
            Some(Err(unread)) => {
                let (detail, cure) = (Some(unread.detail.clone()), unread.cure.clone());
                return Err(Denied { detail, cure, ..Denied::because(unread.denial) });
            }
            // A route was located, but the case holds nothing that was read for it: it was not built correctly.
            None => return Err(Denial::Internal.into()),
        };
        let arguments = given.args.to_warrant_arguments().ok_or(Denial::Internal)?;
        self.admitted.check_call(&given.action, &arguments)?;
        Ok(given)
    }

    /// Who holds the warrant. The `sub` of a link is only a claim of its parent, so with a proof alone the
    /// holder is the key.
    fn holder(&self) -> Result<Principal, Denial> {
        let leaf = self.chain.leaf();
        let by_certificate = || match &self.case.facts.identity {
            None => Err(Denial::IdentityMissing),
            Some(Identity(id)) if id == leaf.sub() => Ok(Principal::Agent(id.clone())),
            Some(_) => Err(Denial::IdentityMismatch),
        };
        let by_proof = || match &self.http.proof {
            ProofFound::NotWanted => Err(Denial::Internal),
            ProofFound::Failed(denial) => Err(*denial),
            ProofFound::Holds(_) if leaf.as_root().is_some() => Ok(Principal::Agent(leaf.sub().to_owned())),
            ProofFound::Holds(id) => Ok(Principal::Key(id.thumbprint.to_string())),
        };
        match self.route.require().holder {
            Holder::Mtls => by_certificate(),
            Holder::Proof => by_proof(),
            Holder::Both => by_certificate().and_then(|principal| by_proof().map(|_| principal)),
        }
    }

    fn lineage(&self) -> Lineage<'_> {
        let origin = self.chain.root_claims();
        Lineage {
            depth: u8::try_from(self.chain.depth()).unwrap_or(u8::MAX),
            issuer: self.chain.root().iss(),
            root: self.chain.root().sub(),
            started_by: origin.ini(),
            attr: origin.attr(),
        }
    }

    fn ask(&self, query: &PolicyQuery<'_>) -> Result<Vec<String>, Denied> {
        match self.policy.decide(self.route, query) {
            Ok(permitted) => Ok(permitted.policies),
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
