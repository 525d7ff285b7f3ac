//! A decision as the ledger keeps it: parsed facts, never a token, a body or a query.

use std::collections::BTreeMap;

use ledger::entry::{self, Answer, Checks, Decision, Json, Policy, Request, Text, Verdict};
use warrant::{Burn, Denial};

use super::Stamp;
use super::chain::links;
use crate::decision::{Case, Denied, Pass, Passing, Permit, ProofFound};
use crate::facts::{Burned, Spent};
use crate::gateway::DecisionId;
use crate::keys::DigestKey;
use crate::policy::Bundle;
use crate::policy::arguments::Value;

/// A permitting verdict's code.
const PERMIT: &str = "permit";

/// The judge's input. Verdict and outcome are filled in by whoever learns them; until then they deny.
pub(super) fn of_case(decision: &DecisionId, case: &Case<'_>, bundle: &Bundle, key: &DigestKey) -> Decision {
    let chain = case.http.as_ref().ok().and_then(|http| http.chain.as_ref().ok());
    let undecided = Denial::Internal.code();
    Decision {
        args: args(case, key),
        as_of: case.as_of,
        attestation: Vec::new(),
        burned: Vec::new(),
        bundle: entry::Digest::parse(bundle.digest().as_str())
            .map(|digest| Policy { digest, version: bundle.version() }),
        chain: chain.map(|chain| links(chain)).unwrap_or_default(),
        checks: checks(case),
        clock: case.now.get(),
        conditions: Vec::new(),
        environment: case.facts.environment.clone(),
        id: decision.as_str().to_owned(),
        identity: case.facts.identity.as_ref().map(|identity| identity.0.clone()),
        outcome: Answer::Denied(undecided.to_owned()),
        posture: case.facts.posture.name().to_owned(),
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

/// What the judge would have said, and that it was forwarded all the same.
pub(super) fn passed(pass: &Pass) -> (Verdict, Answer) {
    let route = Some(pass.route().to_owned());
    match pass.passing() {
        Passing::Ungoverned => {
            (Verdict { code: PERMIT.to_owned(), policies: Vec::new(), route }, Answer::Ungoverned)
        }
        Passing::Observed(Ok(policies)) => {
            (Verdict { code: PERMIT.to_owned(), policies: policies.clone(), route }, Answer::Observed)
        }
        Passing::Observed(Err(denied)) => {
            let (code, policies) = (denied.denial.code().to_owned(), denied.policies.clone());
            (Verdict { code, policies, route }, Answer::Observed)
        }
    }
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
    let chain = case.http.as_ref().ok()?.chain.as_ref().ok();
    let line = case.line.as_ref()?;
    Some(Stamp {
        method: line.method.to_owned(),
        authority: String::from_utf8(line.authority.to_vec()).ok()?,
        path: String::from_utf8(line.path_and_query.to_vec()).ok()?,
        digests: chain.iter().flat_map(|chain| chain.digests()).map(|digest| digest.to_string()).collect(),
        expires: chain.map(|chain| chain.expires()),
    })
}

fn request(case: &Case<'_>, key: &DigestKey) -> Request {
    let Some(line) = &case.line else {
        let nothing = || Text::from("");
        return Request { body: None, host: nothing(), method: nothing(), path: nothing(), query: None };
    };
    let (path, query) = line.path();
    Request {
        body: case.body().map(|body| entry::Digest::from_bytes(key.digest(body))),
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
    let read = case.http.as_ref().ok().and_then(|http| http.given.as_ref());
    let arguments = read.and_then(|read| said(read.as_ref().map(|_| ()).map_err(|unread| unread.denial)));
    let body = case.body().and(arguments.clone());
    Checks { body, parse, proof, query: arguments, signatures }
}

/// Arguments by value, so that the decision can be judged again; what its route withholds, as a keyed digest.
fn args(case: &Case<'_>, key: &DigestKey) -> BTreeMap<String, Json> {
    let Some(Ok(given)) = case.http.as_ref().ok().and_then(|http| http.given.as_ref()) else {
        return BTreeMap::new();
    };
    let kept = |name: &str, value: &Value| {
        let value = json(value);
        if !given.withheld.contains(name) {
            return value;
        }
        // Of the canonical form, so that the text `7` and the number 7 are told apart. Every value has one.
        let bytes = ledger::canonical::to_vec(&value).unwrap_or_default();
        let digest = entry::Digest::from_bytes(key.digest(&bytes)).to_string();
        Json::Object([("hmac".to_owned(), Json::String(digest))].into())
    };
    given.args.iter().map(|(name, value)| (name.to_owned(), kept(name, value))).collect()
}

fn json(value: &Value) -> Json {
    match value {
        Value::Long(number) => Json::Integer(*number),
        Value::Text(text) => Json::String(text.clone()),
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Texts(texts) => Json::Array(texts.iter().cloned().map(Json::String).collect()),
    }
}
