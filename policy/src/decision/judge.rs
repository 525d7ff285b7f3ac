//! The judge: one case against one policy, in the order of precedence of the closed list. The first that holds is
//! the answer.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use warrant::{Admitted, Chain, ChainExpectations, Denial, Revocable, Target};

use super::case::{Case, Evidence, HttpCase, ProofFound};
use super::facts::Identity;
use super::require::{attested, in_environment};
use super::verdict::{Denied, Judgement, Pass, Passing, Permit};
use crate::arguments::Extracted;
use crate::documents::require::Holder;
use crate::engine::{Asked, Attribution, Lineage, Nearest, Principal, Starter};
use crate::routes::{Located, Passage, Policy, Route};

pub fn judge<E: Evidence>(case: &Case<'_, E>, policy: &Policy) -> Judgement<E> {
    match hear(case, policy) {
        Ok(judgement) => judgement,
        Err(denied) => Judgement::Deny(denied),
    }
}

/// Where nothing permitted: the permit that came nearest, and what of it does not hold.
pub fn nearest<E: Evidence>(case: &Case<'_, E>, policy: &Policy) -> Option<Nearest> {
    let (http, located) = understood(case, policy).ok()?;
    let docket = docket(case, http, located, policy).ok()?;
    let proved = docket.prove().ok()?;
    policy.nearest(docket.route, &docket.asked(&proved))
}

/// First what denies everywhere, then whether anything is governed here, then the warrant.
fn hear<E: Evidence>(case: &Case<'_, E>, policy: &Policy) -> Result<Judgement<E>, Denied> {
    case.governance?;
    let (http, located) = understood(case, policy)?;
    match located.found.passage(case.now) {
        Some(Passage::Ungoverned(opening)) => Ok(Judgement::Pass(pass(opening.name(), Passing::Ungoverned))),
        Some(Passage::Observed(route)) => {
            let verdict = governed(case, http, located, policy).map(|permit| permit.policies);
            // What was not the client's doing denies even where a route is only watched.
            match verdict {
                Err(denied) if denied.denial == Denial::Internal => Err(denied),
                verdict => Ok(Judgement::Pass(pass(route.name(), Passing::Observed(verdict)))),
            }
        }
        None => governed(case, http, located, policy).map(Judgement::Permit),
    }
}

/// The request, and where it leads.
fn understood<'c, E: Evidence>(
    case: &'c Case<'_, E>,
    policy: &Policy,
) -> Result<(&'c HttpCase<'c, E>, &'c Located<'c>), Denied> {
    let http = case.http.as_ref().map_err(|denial| Denied::because(*denial))?;
    let located = http.located.as_ref().map_err(|denial| Denied::because(*denial))?;
    if policy.is_source_of(located.found) { Ok((http, located)) } else { Err(Denial::Internal.into()) }
}

fn pass<E: Evidence>(route: &str, passing: Passing) -> Pass<E> {
    Pass { evidence: PhantomData, route: route.to_owned(), passing }
}

fn governed<E: Evidence>(
    case: &Case<'_, E>,
    http: &HttpCase<'_, E>,
    located: &Located<'_>,
    policy: &Policy,
) -> Result<Permit<E>, Denied> {
    let docket = docket(case, http, located, policy)?;
    let on_it = |denied| Denied { route: Some(docket.route.name().to_owned()), ..denied };
    docket.judge().map_err(on_it)
}

/// The case with its route, once the law has admitted the warrant to the target.
fn docket<'a, E: Evidence>(
    case: &'a Case<'a, E>,
    http: &'a HttpCase<'a, E>,
    located: &'a Located<'a>,
    policy: &'a Policy,
) -> Result<Docket<'a, E>, Denied> {
    let target = &located.target;
    let chain: &Chain = http.chain.as_ref().map_err(|denial| Denied::because(*denial))?;
    let expect =
        ChainExpectations { now: case.now, terms: policy.terms(), revoked: &nothing_is_revoked, target };
    let admitted = chain.check(&expect)?;
    let route = located.found.route().ok_or(Denial::NoRoutePolicy)?;
    Ok(Docket { case, http, target, chain, admitted, policy, route })
}

/// Revocations are facts that nobody can record yet; the question has its place in the order already.
fn nothing_is_revoked(_: &Revocable) -> bool {
    false
}

/// A case that has found its route.
struct Docket<'a, E: Evidence> {
    case: &'a Case<'a, E>,
    http: &'a HttpCase<'a, E>,
    target: &'a Target<'a>,
    chain: &'a Chain,
    admitted: Admitted<'a>,
    policy: &'a Policy,
    route: &'a Route,
}

/// What has held by the time that the policy is asked.
struct Proved<'a> {
    given: &'a Extracted,
    principal: Principal,
    environment: BTreeMap<String, String>,
    conditions: BTreeMap<String, String>,
}

impl<E: Evidence> Docket<'_, E> {
    fn judge(&self) -> Result<Permit<E>, Denied> {
        let proved = self.prove()?;
        let policies = self.ask(&self.asked(&proved))?;
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

    /// Everything that the route requires, in the order of the closed list.
    fn prove(&self) -> Result<Proved<'_>, Denied> {
        let (require, facts) = (self.route.require(), &self.case.facts);
        require.check_lineage(self.chain)?;
        require.check_issued(facts.issued)?;
        let given = self.arguments()?;
        let principal = self.holder()?;
        let environment = in_environment(require, self.chain, facts)?;
        let conditions = require.conditions_in(&facts.conditions)?;
        attested(require, self.chain, facts, self.policy.attestation_max_age())?;
        Ok(Proved { given, principal, environment, conditions })
    }

    fn asked<'a>(&'a self, proved: &'a Proved<'_>) -> Asked<'a> {
        Asked {
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

    /// What the route read, and whether one detail of every link admits it.
    fn arguments(&self) -> Result<&Extracted, Denied> {
        let given = match &self.http.given {
            Some(Ok(given)) => given,
            Some(Err(unread)) => {
                let (detail, cure) = (Some(unread.detail.clone()), unread.cure.clone());
                return Err(Denied { detail, cure, ..Denied::because(unread.denial) });
            }
            // Gathering looks the route up as the judge does; where it found none, neither can be trusted.
            None => return Err(Denial::Internal.into()),
        };
        let arguments = given.args.to_warrant_arguments().ok_or(Denial::Internal)?;
        self.admitted.check_call(&given.action, &arguments)?;
        Ok(given)
    }

    /// Who holds the warrant. On a link `sub` is only its parent's word, so that a proof alone makes its holder the key.
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
        let attr = origin.attr().map_or_else(Attribution::default, |attr| Attribution {
            run: attr.run.as_deref(),
            agent: attr.agent.as_deref(),
            purpose: attr.purpose.as_deref(),
        });
        Lineage {
            depth: u8::try_from(self.chain.depth()).unwrap_or(u8::MAX),
            issuer: self.chain.root().iss(),
            root: self.chain.root().sub(),
            started_by: origin.ini().map(|starter| Starter { iss: &starter.iss, sub: &starter.sub }),
            attr,
        }
    }

    fn ask(&self, asked: &Asked<'_>) -> Result<Vec<String>, Denied> {
        match self.policy.decide(self.route, asked) {
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
