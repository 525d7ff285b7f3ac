//! A decision as the ledger keeps it: parsed facts, never a token, a body or a query.

use std::collections::BTreeMap;

use ledger::entry::{self, Answer, Checks, Decision, Policy, Request, Text, Verdict};
use warrant::{Burn, Denial};

use super::Stamp;
use super::chain::links;
use crate::decision::{Case, Denied, Permit, ProofFound};
use crate::facts::{Burned, Spent};
use crate::gateway::DecisionId;
use crate::keys::DigestKey;
use crate::policy::Bundle;

/// A permitting verdict's code.
const PERMIT: &str = "permit";

/// The judge's input. Verdict and outcome are filled in by whoever learns them; until then they deny.
pub(super) fn of_case(decision: &DecisionId, case: &Case<'_>, bundle: &Bundle, key: &DigestKey) -> Decision {
    let chain = case.http.as_ref().ok().and_then(|http| http.chain.as_ref().ok());
    let undecided = Denial::Internal.code();
    Decision {
        args: BTreeMap::new(),
        as_of: case.as_of,
        attestation: Vec::new(),
        burned: Vec::new(),
        bundle: entry::Digest::parse(bundle.digest().as_str())
            .map(|digest| Policy { digest, version: bundle.version() }),
        chain: chain.map(|chain| links(chain)).unwrap_or_default(),
        checks: checks(case),
        clock: case.now.get(),
        conditions: Vec::new(),
        environment: BTreeMap::new(),
        id: decision.as_str().to_owned(),
        identity: case.identity.as_ref().map(|identity| identity.0.clone()),
        outcome: Answer::Denied(undecided.to_owned()),
        posture: "normal".to_owned(),
        proxy: case.proxy.clone(),
        request: request(case, key),
        traceparent: None,
        verdict: Verdict { code: undecided.to_owned(), policies: Vec::new(), route: None },
    }
}

pub(super) fn denied(denied: &Denied) -> Verdict {
    let policies = denied.policies.clone();
    Verdict { code: denied.denial.code().to_owned(), policies, route: denied.route.clone() }
}

pub(super) fn permitted(permit: &Permit) -> Verdict {
    let policies = permit.policies().to_vec();
    Verdict { code: PERMIT.to_owned(), policies, route: Some(permit.route().to_owned()) }
}

pub(super) fn burned(burned: &Burned, links: &[Burn]) -> Vec<entry::Burned> {
    burned.spent().iter().map(|spent| one_burned(spent, links)).collect()
}

fn one_burned(spent: &Spent, links: &[Burn]) -> entry::Burned {
    match spent {
        Spent::Link { iss, path, until } => entry::Burned {
            max: links.iter().find(|link| link.path == *path).map_or(1, |link| u64::from(link.max)),
            name: path.clone(),
            owner: iss.clone(),
            until: until.get(),
            what: entry::Burn::Use,
        },
        Spent::Proof { thumbprint, jti, until } => entry::Burned {
            max: 1,
            name: jti.clone(),
            owner: thumbprint.clone(),
            until: until.get(),
            what: entry::Burn::Proof,
        },
    }
}

/// Which request line an allow will be stamped for; a case without one cannot be allowed.
pub(super) fn stamp(case: &Case<'_>) -> Option<Stamp> {
    let http = case.http.as_ref().ok()?;
    let chain = http.chain.as_ref().ok()?;
    let line = case.line.as_ref()?;
    Some(Stamp {
        method: line.method.to_owned(),
        authority: String::from_utf8(line.authority.to_vec()).ok()?,
        path: String::from_utf8(line.path_and_query.to_vec()).ok()?,
        digests: chain.digests().map(|digest| digest.to_string()).collect(),
        expires: chain.expires(),
    })
}

fn request(case: &Case<'_>, key: &DigestKey) -> Request {
    let Some(line) = &case.line else {
        let nothing = || Text::from("");
        return Request { body: None, host: nothing(), method: nothing(), path: nothing(), query: None };
    };
    let (path, query) = line.path();
    Request {
        body: None,
        host: Text::from_bytes(line.authority),
        method: Text::from(line.method),
        path: Text::from_bytes(path),
        query: query.map(|query| entry::Digest::from_bytes(key.digest(query))),
    }
}

/// What was found out before the judge was asked, so that the judge can be asked again without any token.
fn checks(case: &Case<'_>) -> Checks {
    let said = |result: Result<(), Denial>| Some(result.map_or_else(Denial::code, |()| "ok").to_owned());
    let (parse, signatures, proof) = match &case.http {
        Err(denial) => (said(Err(*denial)), None, None),
        Ok(http) => {
            let (parse, signatures) = match http.chain.as_ref().err() {
                None => (said(Ok(())), said(Ok(()))),
                Some(Denial::IssuerUntrusted | Denial::SignatureInvalid) => {
                    (said(Ok(())), said(http.chain.as_ref().map(|_| ()).map_err(|denial| *denial)))
                }
                Some(denial) => (said(Err(*denial)), None),
            };
            let proof = match &http.proof {
                ProofFound::NotWanted => None,
                ProofFound::Failed(denial) => said(Err(*denial)),
                ProofFound::Holds(_) => said(Ok(())),
            };
            (parse, signatures, proof)
        }
    };
    Checks { body: None, parse, proof, query: None, signatures }
}
