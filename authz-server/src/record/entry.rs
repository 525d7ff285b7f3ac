//! Into the record: parsed facts, never a token, a body or a query.

use std::collections::BTreeMap;

use ledger::entry::{self, Answer, Condition, Decision, Json, Measured, Policy, Request, Text, Verdict};
use warrant::{Burn, Denial, Seconds};

use super::chain::links;
use super::checks::checks;
use crate::decision::{Case, Denied, Evidence, Facts, Judgement, Pass, Passing, Permit};
use crate::facts::{Burned, Spent};
use crate::keys::DigestKey;
use crate::policy::Bundle;
use crate::policy::arguments::Value;

/// A permitting verdict's code.
pub(super) const PERMIT: &str = "permit";

/// The judge's input. Verdict and outcome are filled in by whoever learns them; until then they deny.
pub fn of_case(decision: &str, case: &Case<'_>, bundle: &Bundle, key: &DigestKey) -> Decision {
    let chain = case.http.as_ref().ok().and_then(|http| http.chain.as_ref().ok());
    let undecided = Denial::Internal.code();
    Decision {
        args: args(case, key),
        as_of: case.as_of,
        attestation: attestation(&case.facts, case.now),
        burned: Vec::new(),
        bundle: entry::Digest::parse(bundle.digest().as_str())
            .map(|digest| Policy { digest, version: bundle.version() }),
        chain: chain.map(|chain| links(chain)).unwrap_or_default(),
        checks: checks(case),
        clock: case.now.get(),
        conditions: conditions(&case.facts, case.now),
        environment: case.facts.environment.clone(),
        id: decision.to_owned(),
        identity: case.facts.identity.as_ref().map(|identity| identity.0.clone()),
        outcome: Answer::Denied(undecided.to_owned()),
        posture: case.facts.posture.name().to_owned(),
        proxy: case.proxy.clone(),
        request: request(case, key),
        traceparent: None,
        verdict: Verdict { code: undecided.to_owned(), policies: Vec::new(), route: None },
    }
}

/// What the judge said, as it is compared.
pub fn verdict<E: Evidence>(judgement: &Judgement<E>) -> Verdict {
    match judgement {
        Judgement::Permit(permit) => permitted(permit),
        Judgement::Pass(pass) => passed(pass).0,
        Judgement::Deny(no) => denied(no),
    }
}

pub fn denied(denied: &Denied) -> Verdict {
    let policies = denied.policies.clone();
    Verdict { code: denied.denial.code().to_owned(), policies, route: denied.route.clone() }
}

pub fn permitted<E: Evidence>(permit: &Permit<E>) -> Verdict {
    let policies = permit.policies().to_vec();
    Verdict { code: PERMIT.to_owned(), policies, route: Some(permit.route().to_owned()) }
}

/// What the judge would have said, and that it was forwarded all the same.
pub fn passed<E: Evidence>(pass: &Pass<E>) -> (Verdict, Answer) {
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

pub fn burned(burned: &Burned, links: &[Burn]) -> Vec<entry::Burned> {
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

fn request(case: &Case<'_>, key: &DigestKey) -> Request {
    let Some(line) = &case.line else {
        let nothing = || Text::from("");
        let (host, method, path) = (nothing(), nothing(), nothing());
        return Request { action: None, body: None, host, method, path, query: None };
    };
    let (path, query) = line.path();
    let given = case.http.as_ref().ok().and_then(|http| http.given.as_ref()?.as_ref().ok());
    Request {
        action: given.map(|given| given.action.clone()),
        body: case.body().map(|body| entry::Digest::from_bytes(key.digest(body))),
        host: Text::from_bytes(line.authority),
        method: Text::from(line.method),
        path: Text::from_bytes(path),
        query: query.map(|query| entry::Digest::from_bytes(key.digest(query))),
    }
}

/// Ages are relative to the decision's clock, so that judging again finds them as they were.
fn conditions(facts: &Facts, now: Seconds) -> Vec<Condition> {
    let known = facts.conditions.iter();
    known
        .map(|(name, state)| Condition {
            iat: Some(now.get().saturating_sub(state.age)),
            name: name.clone(),
            value: Some(state.value.clone()),
        })
        .collect()
}

fn attestation(facts: &Facts, now: Seconds) -> Vec<Measured> {
    let current = facts.attestations.iter();
    current
        .map(|one| Measured {
            exp: one.exp,
            iat: now.get().saturating_sub(one.age),
            iss: one.iss.clone(),
            measurement: entry::Digest::parse(&one.measurement).into_iter().collect(),
            positive: one.positive,
            subject: one.subject.clone(),
        })
        .collect()
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
