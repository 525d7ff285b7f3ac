//! The judge: one case against one bundle, in the order of precedence of the closed list. The first that holds is
//! the answer.

use std::marker::PhantomData;

use warrant::{Admitted, Chain, Denial, Expect, Revocable, Target};

use super::case::{Case, Evidence, HttpCase, ProofFound};
use super::facts::Identity;
use super::require::{attested, in_environment};
use super::verdict::{Denied, Judgement, Pass, Passing, Permit};
use crate::policy::arguments::Given;
use crate::policy::{
    Asked, Attribution, Bundle, Holder, Lineage, Passage, Principal, Route, Starter, decide,
};

pub fn judge<E: Evidence>(case: &Case<'_, E>, bundle: &Bundle) -> Judgement<E> {
    match hear(case, bundle) {
        Ok(judgement) => judgement,
        Err(denied) => Judgement::Deny(denied),
    }
}

/// First what denies everywhere, then whether anything is governed here, then the warrant.
fn hear<E: Evidence>(case: &Case<'_, E>, bundle: &Bundle) -> Result<Judgement<E>, Denied> {
    case.governance?;
    let http = case.http.as_ref().map_err(|denial| Denied::because(*denial))?;
    let host = bundle.serves(&case.proxy, http.authority)?;
    let target = Target { host, method: http.method.clone(), path: http.path };
    match bundle.passage(&target, case.now) {
        Some(Passage::Ungoverned(opening)) => Ok(Judgement::Pass(pass(opening.name(), Passing::Ungoverned))),
        Some(Passage::Observed(route)) => {
            let verdict = governed(case, http, &target, bundle).map(|permit| permit.policies);
            // What was not the client's doing denies even where a route is only watched.
            match verdict {
                Err(denied) if denied.denial == Denial::Internal => Err(denied),
                verdict => Ok(Judgement::Pass(pass(route.name(), Passing::Observed(verdict)))),
            }
        }
        None => governed(case, http, &target, bundle).map(Judgement::Permit),
    }
}

fn pass<E: Evidence>(route: &str, passing: Passing) -> Pass<E> {
    Pass { evidence: PhantomData, route: route.to_owned(), passing }
}

fn governed<E: Evidence>(
    case: &Case<'_, E>,
    http: &HttpCase<'_, E>,
    target: &Target<'_>,
    bundle: &Bundle,
) -> Result<Permit<E>, Denied> {
    let chain: &Chain = http.chain.as_ref().map_err(|denial| Denied::because(*denial))?;
    let expect = Expect { now: case.now, terms: bundle.terms(), revoked: &nothing_is_revoked, target };
    let admitted = chain.check(&expect)?;
    let route = bundle.route(target).ok_or(Denial::NoRoutePolicy)?;
    Docket { case, http, target, chain, admitted, bundle, route }
        .judge()
        .map_err(|denied| Denied { route: Some(route.name().to_owned()), ..denied })
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
    bundle: &'a Bundle,
    route: &'a Route,
}

impl<E: Evidence> Docket<'_, E> {
    fn judge(&self) -> Result<Permit<E>, Denied> {
        let (require, facts) = (self.route.require(), &self.case.facts);
        require.narrows(self.chain)?;
        require.was_issued(facts.issued)?;
        let given = self.arguments()?;
        let principal = self.holder()?;
        let environment = in_environment(require, self.chain, facts)?;
        let conditions = require.conditions_hold(&facts.conditions)?;
        attested(require, self.chain, facts, self.bundle.attestation_max_age())?;
        let asked = Asked {
            principal: &principal,
            now: self.case.now,
            action: &given.action,
            method: self.target.method.as_str(),
            host: self.target.host.as_str(),
            path: self.target.path.as_str(),
            args: &given.args,
            posture: facts.posture,
            environment: &environment,
            conditions: &conditions,
            warrant: self.lineage(),
        };
        let policies = self.policy(&asked)?;
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

    /// What the route read, and whether one detail of every link admits it.
    fn arguments(&self) -> Result<&Given, Denied> {
        let given = match &self.http.given {
            Some(Ok(given)) => given,
            Some(Err(unread)) => {
                let (detail, cure) = (Some(unread.detail.clone()), unread.cure.clone());
                return Err(Denied { detail, cure, ..Denied::because(unread.denial) });
            }
            // Gathering looks the route up as the judge does; where it found none, neither can be trusted.
            None => return Err(Denial::Internal.into()),
        };
        let arguments = given.args.for_the_law().ok_or(Denial::Internal)?;
        self.admitted.arguments(&given.action, &arguments)?;
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
        let origin = self.chain.origin();
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

    fn policy(&self, asked: &Asked<'_>) -> Result<Vec<String>, Denied> {
        match decide(self.bundle, self.route, asked) {
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
